"""What in a folder looks like a model, by the names of its files alone."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice, takewhile
from pathlib import Path

from shared.discovery.found import ModelPlace
from shared.discovery.walking import FileFacts, ListedFolder
from shared.engines.diffusion.tensors import CHECKPOINTS
from shared.engines.gguf_files import each_part
from shared.engines.onnx.folders import GRAPH_SUFFIX, GRAPHS_FOLDER
from shared.engines.onnx.images import INDEX
from shared.engines.onnx.text import CONFIG as GENAI_CONFIG
from shared.models.catalog import CatalogEntry
from shared.models.projectors.names import NamesBeside, first_parts, named_projector

CONFIG = "config.json"
CTRANSLATE2_MODEL = "model.bin"

PARTIAL_SUFFIXES = (".part", ".incomplete", ".aria2", ".crdownload", ".download", ".partial", ".tmp", ".!qB")
"""What programs that fetch files add to the names of unfinished ones, or of files beside them."""

_WEIGHTS_FOR_TRANSFORMERS = (".safetensors", "pytorch_model.bin")


class ModelForm(Enum):
    """How a model lies in its folder."""

    GGUF = auto()
    CHECKPOINT = auto()
    CTRANSLATE2 = auto()
    ONNX = auto()
    TRANSFORMERS = auto()
    ANY = auto()
    """What a path to ``nexa server`` may be."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What looks like a model. ``path`` is to be recognised, ``files`` are those that it consists of.

    ``name`` is empty if its path names it. ``repo`` is the hub's repository that ``path`` is from, whose files are in
    ``root``; ``sha256`` is what its file must have, if that is known. ``missing`` says what it lacks. ``beside`` are
    other files, of which one may be its projector.
    """

    form: ModelForm
    path: Path
    place: ModelPlace
    files: tuple[FileFacts, ...]
    onnx: bool = False
    name: str = ""
    aliases: tuple[str, ...] = ()
    licence: str = ""
    entry: CatalogEntry | None = None
    repo: str = ""
    root: Path | None = None
    sha256: str = ""
    missing: str = ""
    is_partial: bool = False
    beside: tuple[FileFacts, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def modified_ns(self) -> int:
        """When its newest file was written, in nanoseconds since 1970."""
        return max((file.modified_ns for file in self.files), default=0)


def sightings_in(folder: ListedFolder, place: ModelPlace) -> Iterator[Sighting]:
    """The models that a folder may hold, or be. Folders that belong to them are closed for the walk."""
    names = set(folder.names)
    found = [*_ggufs(folder, place), *_folders(folder, place)]
    if names.isdisjoint((CONFIG, INDEX)):
        found += _checkpoints(folder, place)
    elif not found and CONFIG in names and any(name.endswith(_WEIGHTS_FOR_TRANSFORMERS) for name in names):
        found.append(Sighting(ModelForm.TRANSFORMERS, folder.path, place, ()))
    yield from found


def _ggufs(folder: ListedFolder, place: ModelPlace) -> Iterator[Sighting]:
    """GGUF files, split ones by their first part. Projectors belong to models beside them."""
    present = set(folder.names)
    names_beside = NamesBeside(folder.names)
    for name in first_parts(folder.names):
        if named_projector(name):
            continue
        here = list(takewhile(present.__contains__, each_part(name)))
        files = folder.facts(*here)
        if not files or files[0].path.name != name:
            continue
        lost = next(islice(each_part(name), len(here), None), "")
        missing = f"{name}: expected all parts in one folder, got none called {lost}" if lost else ""
        partial = any(_is_being_fetched(part, present) for part in here)
        beside = [other for other in names_beside.of(name) if not _is_being_fetched(other, present)]
        yield Sighting(
            ModelForm.GGUF,
            files[0].path,
            place,
            tuple(files),
            missing=missing,
            is_partial=partial,
            beside=tuple(folder.facts(*beside)),
        )


def _checkpoints(folder: ListedFolder, place: ModelPlace) -> list[Sighting]:
    present = set(folder.names)
    names = [name for name in folder.names if name.lower().endswith(CHECKPOINTS)]
    return [
        Sighting(
            ModelForm.CHECKPOINT, facts.path, place, (facts,), is_partial=_is_being_fetched(facts.path.name, present)
        )
        for facts in folder.facts(*names)
    ]


def _is_being_fetched(name: str, present: Set[str]) -> bool:
    """Whether a program that fetches this file has left its mark beside it."""
    return any(name + suffix in present for suffix in PARTIAL_SUFFIXES)


def _folders(folder: ListedFolder, place: ModelPlace) -> Iterator[Sighting]:
    """The folder itself, as a model of CTranslate2 or in ONNX."""
    names = set(folder.names)
    if {CONFIG, CTRANSLATE2_MODEL} <= names and len(folder.facts(CONFIG, CTRANSLATE2_MODEL)) == 2:
        yield _whole(ModelForm.CTRANSLATE2, folder, place, [])
    if INDEX in names:
        inner = [folder.inner(name) for name in folder.folders]
        folder.closed.update(folder.folders)
        yield _whole(ModelForm.ONNX, folder, place, inner)
    elif GENAI_CONFIG in names or _has_graphs(folder):
        inner = [folder.inner(name) for name in folder.folders]
        if CONFIG in names:
            folder.closed.add(GRAPHS_FOLDER)
        yield _whole(ModelForm.ONNX, folder, place, inner)


def _has_graphs(folder: ListedFolder) -> bool:
    if CONFIG not in folder.names:
        return False
    graphs = folder.inner(GRAPHS_FOLDER).names if GRAPHS_FOLDER in folder.folders else ()
    return any(name.endswith(GRAPH_SUFFIX) for name in (*folder.names, *graphs))


def _whole(form: ModelForm, folder: ListedFolder, place: ModelPlace, inner: list[ListedFolder]) -> Sighting:
    files = [facts for part in (folder, *inner) for facts in part.facts(*part.names)]
    partial = any(file.path.name.endswith(PARTIAL_SUFFIXES) for file in files)
    return Sighting(form, folder.path, place, tuple(files), onnx=form is ModelForm.ONNX, is_partial=partial)
