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
    packages = sysconfig.get_paths({"base": str(folder), "platbase": str(folder)})["purelib"]
    Path(packages, "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    python = folder / "bin" / "python"
    found = subprocess.run(
        [str(python), "-I", "-c", "import torch, mlflow, sql_ft"], capture_output=True, text=True
    )
    assert "No module named 'sql_ft'" in found.stderr, found.stderr
    return python
