import hashlib
import json
import sqlite3
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from app_people import RunningPage, children_of

pytest.importorskip("gradio", reason="the extra `app` is not installed")

SHOP = """
    CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT);
    INSERT INTO customer VALUES (1, 'Ada', 'Lyon'), (2, 'Bo', 'Oslo'), (3, 'Cy', 'Lyon');
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(SHOP)
    connection.close()
    return path


@pytest.fixture(scope="module")
def page(database):
    with RunningPage(database) as running:
        yield running


@pytest.fixture
def client(page):
    from gradio_client import Client

    made = Client(page.url, verbose=False, analytics_enabled=False)
    yield made
    made.close()


def answer_to(request):
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


def test_page_names_no_other_host_to_load_from(page):
    status, headers, text = answer_to(page.url)
    assert status == 200
    assert "default-src 'self'" in headers["content-security-policy"]
    assert '<script src="http' not in text
    assert "fonts.googleapis" not in text
    config = json.loads(text.split("window.gradio_config = ", 1)[1].split(";</script>", 1)[0])
    assert config["analytics_enabled"] is False


def test_a_name_that_points_here_from_elsewhere_is_not_answered(page):
    request = urllib.request.Request(page.url, headers={"Host": "evil.example"})
    assert answer_to(request)[0] == 400


def test_files_of_the_machine_and_addresses_elsewhere_are_not_served(page, database):
    for path in ("/etc/passwd", str(database), f"{page.folder}/samples", "../../etc/passwd"):
        status, _, text = answer_to(f"{page.url}/gradio_api/file={path}")
        assert status in (403, 404)
        assert "root:" not in text


def test_two_programs_ask_at_once_and_share_nothing(page):
    from gradio_client import Client

    def work(number):
        client = Client(page.url, verbose=False, analytics_enabled=False)
        try:
            client.predict("How many?", "shop", api_name="/ask")
            client.predict(f"SELECT {number} AS mine", api_name="/run")
            return client.predict("Which cities?", "shop", api_name="/ask")
        finally:
            client.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(work, range(4)))
    assert all(answer["rows"] == [["Lyon", 2], ["Oslo", 1]] for answer in answers)


def test_hostile_use_leaves_the_page_alive(client, page, database, tmp_path):
    from gradio_client import handle_file

    before = hashlib.sha256(database.read_bytes()).hexdigest()
    refused = client.predict("Please drop everything", "shop", api_name="/ask")
    assert refused["sql"] == "DROP TABLE customer"
    assert refused["status"] == "not_a_query"
    for name, content, message in (
        ("a.sqlite", b"not a database", "is not a SQLite database"),
        ("a.sqlite", b"SQLite format 3\x00" + b"\xff" * 5000, "sf-error"),
        ("../../a.csv", b"x\x00", "sf-error"),
    ):
        file = tmp_path / "up" / name.rpartition("/")[2]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        said = client.predict(handle_file(str(file)), api_name="/upload")
        assert message in said[0]
    large = tmp_path / "large.csv"
    large.write_bytes(b"a\n" + b"1\n" * 1_500_000)
    with pytest.raises(Exception, match=r"larger|exceeds|413"):
        client.predict(handle_file(str(large)), api_name="/upload")
    # An address in place of an upload is not fetched.
    with pytest.raises(Exception, match=r"."):
        client.predict(
            {"path": f"{page.url}/theme.css", "meta": {"_type": "gradio.FileData"}},
            api_name="/upload",
        )
    again = client.predict("Which cities?", "shop", api_name="/ask")
    assert again["status"] == "ok"
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    # Gradio reserves names by empty files; no content is left.
    left = [p for p in (page.folder / "uploads").rglob("*") if p.is_file()]
    assert sum(path.stat().st_size for path in left) == 0


def test_ctrl_c_ends_sessions_children_and_folder(database, tmp_path):
    from gradio_client import Client, handle_file

    with RunningPage(database) as running:
        client = Client(running.url, verbose=False, analytics_enabled=False)
        file = tmp_path / "mine.csv"
        file.write_text("a,b\n1,2\n")
        client.predict(handle_file(str(file)), api_name="/upload")
        assert client.predict("SELECT b FROM mine", api_name="/run")["rows"] == [[2]]
        assert [p for p in running.folder.iterdir() if p.name.startswith("session-")]
        children = children_of(running.process.pid)
        assert children
        code, said, complaints = running.stop()
        client.close()
    assert (code, said, complaints) == (0, "stopped\n", "")
    assert not running.folder.exists()
    assert not any(psutil.pid_exists(pid) for pid in children)


def test_a_taken_port_is_one_clear_error(page, tmp_path):
    from sql_ft.errors import StackError
    from sql_ft.serving.app.server import serve

    port = int(page.url.rpartition(":")[2])
    with pytest.raises(StackError, match=r"cannot listen on 127\.0\.0\.1"):
        serve(None, tmp_path, "127.0.0.1", port, print)
