"""This program as an installed Python distribution: its version, and how to install its extras."""

from __future__ import annotations

import importlib.metadata

DISTRIBUTION = "nexa-server"


def version() -> str | None:
    """The installed version; None if the code runs from a folder without being installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def how_to_install(extra: str) -> str:
    """How the user installs the packages of an extra of ``pyproject.toml``."""
    return f"run `make setup EXTRAS={extra}` in the source folder, or pip install '{DISTRIBUTION}[{extra}]'"
