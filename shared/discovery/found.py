"""What was found on this machine: models, and what looked like one and cannot be served."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.kinds import JobKind
from shared.models.projectors.choice import NONE, ModelProjector


class ModelPlace(StrEnum):
    """Where a model was found. The order is that of preference if one model is in several places."""

    NEXA = "nexa"
    PACKAGE = "package"
    FOLDER = "folder"
    OLLAMA = "ollama"
    LM_STUDIO = "lmstudio"
    HUB_CACHE = "hub cache"

    @property
    def is_foreign(self) -> bool:
        """Whether another program keeps it: it is opened where it is, and nothing is written there."""
        return self in (ModelPlace.OLLAMA, ModelPlace.LM_STUDIO, ModelPlace.HUB_CACHE)

    def only_read(self, name: str, path: Path | str) -> str:
        """Why the model ``name``, found here with the file ``path``, is not deleted, and how its user may do that."""
        if self is ModelPlace.PACKAGE:
            return f"{name} belongs to an installed Python package ({path}); remove it with: pip uninstall"
        remedy = f"; there, it is deleted with: ollama rm {name}" if self is ModelPlace.OLLAMA else ""
        return f"model: expected one that nexa has fetched, got {name!r}, which is in {_HOLDERS[self]}: {path}{remedy}"

    @property
    def ending(self) -> str:
        """What follows the name of a foreign model whose name another one has."""
        return "hub" if self is ModelPlace.HUB_CACHE else self.value


_HOLDERS = {
    ModelPlace.NEXA: "its store",
    ModelPlace.FOLDER: "a folder that it only reads",
    ModelPlace.OLLAMA: "Ollama's store, which it only reads",
    ModelPlace.LM_STUDIO: "LM Studio's folder, which it only reads",
    ModelPlace.HUB_CACHE: "the cache of the hub, which it only reads",
}


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that can be served. ``path`` is what its engine opens.

    ``modified_s`` is the time of its newest file, in seconds since 1970. ``licence`` is empty if it is not known.
    ``known_as`` are names by which the hub and other programs know it, which several models may share. ``projector`` is
    what lies there for its pictures and recordings.
    """

    name: str
    kinds: tuple[JobKind, ...]
    engine: str
    path: Path
    source: ModelPlace
    size_bytes: int
    modified_s: float
    aliases: tuple[str, ...] = ()
    licence: str = ""
    known_as: tuple[str, ...] = ()
    projector: ModelProjector = NONE


@dataclass(frozen=True, slots=True)
class Unservable:
    """A file or folder that looked like a model and cannot be served; ``reason`` is one line."""

    path: Path
    source: ModelPlace
    reason: str


@dataclass(frozen=True, slots=True)
class FoundModels:
    """All that one look has found. ``unfinished`` are files that are still being written, as far as can be seen."""

    models: tuple[FoundModel, ...]
    unservable: tuple[Unservable, ...] = ()
    unfinished: tuple[Path, ...] = ()
