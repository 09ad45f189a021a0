"""A Python environment with every dependency and without this project, made in a moment."""

from __future__ import annotations

import subprocess
import sysconfig
import venv
from pathlib import Path


def make_bare_environment(folder: Path) -> Path:
    """Return the interpreter of a new environment that sees this one's packages.

    Packages are reached through a path file. Python does not read the path files of a
    folder that is added so, and an editable installation of this project is one of them.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    # `mlflow models serve` starts it by this name, from PATH.
    uvicorn = folder / "bin" / "uvicorn"
    uvicorn.write_text(f"#!{python}\nfrom uvicorn.main import main\n\nmain()\n")
    uvicorn.chmod(0o755)
    found = subprocess.run(
        [
            str(python),
            "-I",
            "-c",
            "import importlib.util as u; assert u.find_spec('torch'); import sql_ft",
        ],
        capture_output=True,
        text=True,
    )
    assert "No module named 'sql_ft'" in found.stderr, found.stderr
    return python
