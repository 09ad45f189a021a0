import sqlite3

import pytest
from app_people import ScriptedAnswerer, make_handlers

from sql_ft.serving.app.models import Answerers


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT);
        CREATE TABLE orders (
            order_id INTEGER PRIMARY KEY,
            customer_id INTEGER REFERENCES customer (customer_id),
            amount REAL
        );
        INSERT INTO customer VALUES (1, 'Ada', 'Lyon'), (2, 'Bo', 'Oslo'), (3, 'Cy', 'Lyon');
        INSERT INTO orders VALUES (1, 1, 10.5), (2, 1, 20), (3, 3, -2);
        """
    )
    connection.close()
    return path


@pytest.fixture
def answerers():
    return Answerers(
        base=ScriptedAnswerer("base model", {"cities": "SELECT name FROM customer"}),
        champion=ScriptedAnswerer(
            "model version 1",
            {
                "cities": "SELECT city, COUNT(*) AS n FROM customer GROUP BY city ORDER BY city",
                "drop": "DROP TABLE customer",
                "wrong": "SELECT nothing FROM customer",
            },
        ),
    )


@pytest.fixture
def handlers(tmp_path, shop, answerers):
    root = tmp_path / "root"
    root.mkdir()
    made = make_handlers(root, shop, answerers)
    yield made
    made.sessions.close_all()
