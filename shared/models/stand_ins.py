"""Names that clients have built in, and that stand for a served model of their kind."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from shared.models.catalog import CATALOG_PATH, load_catalog
from shared.models.names import split_tag


@dataclass(frozen=True, slots=True)
class StandIn:
    """Names of models of a ``kind``, in which ``*`` is any text. Models of the names in ``but_not`` are others."""

    kind: str
    names: tuple[str, ...]
    but_not: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether this is one of the names, in any case."""
        return _fits(name, self.names) and not _fits(name, self.but_not)


def stands_for(name: str) -> str | None:
    """The kind of model that clients mean by a name that no user can change; None for other names.

    A model of the catalog is always itself.
    """
    if load_catalog().named(split_tag(name)[0]) is not None:
        return None
    return next((stand_in.kind for stand_in in load_stand_ins() if stand_in.has(name)), None)


@cache
def load_stand_ins(path: Path = CATALOG_PATH) -> tuple[StandIn, ...]:
    """The names in a catalog, by default the one of this package, in the order in which they are tried."""
    with path.open("rb") as file:
        rows = tomllib.load(file)["stand_in"]
    return tuple(StandIn(row["kind"], tuple(row["names"]), tuple(row.get("but_not", ()))) for row in rows)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)
