"""Further names of models, which clients have given them: ``/api/copy`` of Ollama. They outlive the server."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from router.storage.database import STORAGE_ERRORS, FileKind
from shared.models.names import LATEST
from shared.settings import ModelSettings

FILE_NAME = "names.sqlite3"

# Columns keep their names, since servers of several versions may share a file.
_SCHEMA = """
CREATE TABLE copy (
    name TEXT PRIMARY KEY,
    model TEXT NOT NULL
) WITHOUT ROWID;
"""

NAMES_FILE = FileKind("file of model names", 0x6E65786E, (_SCHEMA,))  # "nexn"

log = logging.getLogger("nexa.router")


class CopiedNames:
    """The names in the file at ``path``, each with the served model that it means; without a path, in memory.

    Several servers may share the file. All methods but :attr:`names` block, and may raise ``STORAGE_ERRORS``.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._names: dict[str, str] = {}

    @property
    def names(self) -> Mapping[str, str]:
        """The models by their further names, as last read."""
        return self._names

    @classmethod
    def open(cls, path: Path | None) -> CopiedNames:
        """Read the names. A file that cannot be read is warned about: the models have their own names."""
        copies = cls(path)
        if path is not None and path.exists():
            try:
                copies._change(lambda database: None)
            except STORAGE_ERRORS as error:
                log.warning("copied names of models not read", extra={"reason": str(error)})
        return copies

    def put(self, name: str, model: str) -> None:
        """Let ``name`` mean ``model``."""
        if self._path is None:
            self._names[name] = model
        else:
            self._change(lambda database: database.execute("REPLACE INTO copy VALUES (?, ?)", (name, model)))

    def remove(self, name: str) -> None:
        """Forget a name."""
        if self._path is None:
            self._names.pop(name, None)
        else:
            self._change(lambda database: database.execute("DELETE FROM copy WHERE name = ?", (name,)))

    def _change(self, change: Callable[[Connection], Any]) -> None:
        with contextlib.closing(NAMES_FILE.open(self._path)) as database:
            change(database)
            self._names = dict(database.execute("SELECT name, model FROM copy ORDER BY name"))


def without_latest(name: str) -> str:
    """The name without the tag that Ollama's clients add to a name without one."""
    base, _, tag = name.rpartition(":")
    return base if base and tag.lower() == LATEST else name


def with_copies(models: Sequence[ModelSettings], copies: Mapping[str, str]) -> tuple[ModelSettings, ...]:
    """The models, with the copied names as further aliases. A name that a model has already stays that model's."""
    taken = {name for model in models for name in (model.name, *model.aliases)}
    further: dict[str, list[str]] = {}
    for name, model in copies.items():
        if name not in taken:
            further.setdefault(model, []).append(name)
    return tuple(
        model.model_copy(update={"aliases": (*model.aliases, *further[model.name])}) if model.name in further else model
        for model in models
    )
