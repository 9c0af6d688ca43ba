"""This program as an installed Python distribution: its version, and how to install its extras."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

DISTRIBUTION = "nexa-server"


def version() -> str | None:
    """The installed version; None if the code runs from a folder without being installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def how_to_install(extra: str) -> str:
    """How the user installs the packages of an extra of ``pyproject.toml``, with the tool of this environment."""
    tool = _tool()
    if tool:
        return f"run `{tool} install --force '.[{extra}]'` in the source folder"
    return f"run `make setup EXTRAS={extra}` in the source folder, or pip install '{DISTRIBUTION}[{extra}]'"


def how_to_add(packages: str) -> str:
    """The command that adds Python packages, whose names stand apart, to this program's environment."""
    match _tool():
        case "pipx":
            return f"pipx inject {DISTRIBUTION} {packages}"
        case "uv tool":
            return f"uv pip install --python {sys.prefix} {packages}"
        case _:
            return f"pip install {packages}"


def _tool() -> str:
    """The tool that made this program's environment for it alone; empty if it is a usual one."""
    marks = {"pipx_metadata.json": "pipx", "uv-receipt.toml": "uv tool"}
    return next((tool for file, tool in marks.items() if Path(sys.prefix, file).exists()), "")
