"""Starting other processes of the server with the same interpreter and code, in any working directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CODE_FOLDER = Path(__file__).resolve().parent.parent
"""The folder that holds the packages ``router``, ``workers`` and ``shared``."""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``module``. ``-P`` ignores packages of the same name in the working directory."""
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment() -> dict[str, str]:
    """This process's environment. In a checkout, the code is added to ``PYTHONPATH``."""
    environment = dict(os.environ)
    if (CODE_FOLDER / "pyproject.toml").exists():
        paths = [str(CODE_FOLDER), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path for path in paths if path))
    return environment
