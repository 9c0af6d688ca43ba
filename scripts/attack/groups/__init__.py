"""The attacks, one module per group. A module in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil


def load_groups() -> None:
    """Import all modules of this package, which registers their attacks."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
