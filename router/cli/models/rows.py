"""The rows of ``nexa list``: the models of the catalog, those of this program's store, and those found elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any, assert_never

from shared.discovery.discovery import Discovery, WhereToLook
from shared.discovery.found import FoundModel, FoundModels, ModelPlace
from shared.engines.diffusion.spec import DIFFUSION
from shared.engines.registry import opens_onnx
from shared.engines.whisper import WHISPER
from shared.errors import ModelError
from shared.hub.manifest import InstalledModel
from shared.hub.part_files import find_part, parts_size_bytes
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.names import ONNX, marked, name_key, split_mark, split_tag
from shared.models.parts import hub_source
from shared.models.projectors.choice import ModelProjector
from shared.models.projectors.header import read_projector
from shared.models.source import HubSource, JoinedSource, PackageSource, PathSource
from shared.wire.jobs import MediaKind

_SENSES: Mapping[MediaKind, str] = {"image": "sees", "audio": "hears"}


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A row of ``nexa list``, named as in its JSON.

    ``kinds`` and ``format`` are empty if the model's files are not recognised. ``place`` is where on this machine it
    is, a :class:`~shared.discovery.found.ModelPlace`; empty if it is not here. ``media`` is what it takes beside text.
    """

    name: str
    aliases: tuple[str, ...]
    kinds: tuple[JobKind, ...]
    format: str
    size_bytes: int
    licence: str
    here: bool
    source: str
    note: str = ""
    place: str = ""
    media: tuple[MediaKind, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The row, with its first kind as ``kind``."""
        return {**asdict(self), "kind": self.kinds[0] if self.kinds else ""}

    @property
    def does(self) -> str:
        """Its kinds, and whether it sees and hears: ``text, sees``."""
        return ", ".join([*self.kinds, *(_SENSES[medium] for medium in self.media)])

    @property
    def family(self) -> str:
        """What the names of related models begin with: ``qwen`` for ``qwen3.5-4b``."""
        word = re.match("[a-z]+", self.name.lower())
        return word[0] if word else ""

    def has_word(self, word: str) -> bool:
        """Whether ``word`` is part of a name or of another column. A quantization after a name does not matter."""
        key = name_key(split_tag(word)[0])
        texts = (self.name, *self.aliases, self.does, *self.media, self.format, self.licence, self.source)
        return any(key in name_key(text) for text in texts)


def list_rows(store: ModelStore, kind: str | None = None) -> list[ModelRow]:
    """The models of the catalog in its order, then other models in ``store``."""
    entries = list(load_catalog())
    rows = [_entry_row(entry, store) for entry in entries]
    sources = {row.source for row in rows}
    rows += [_installed_row(model) for model in store.everything() if model.source not in sources]
    return [row for row in rows if kind is None or kind in row.kinds]


def rows_of_everywhere(
    store: ModelStore, folders: Sequence[Path], kind: str | None = None
) -> tuple[list[ModelRow], FoundModels]:
    """The same, and models in the operator's ``folders`` and of other programs; also what these places hold."""
    own = list_rows(store)
    taken = {split_mark(row.name)[1] for row in own if row.here}
    found = Discovery(WhereToLook(tuple(folders), own=False), store).scan(taken)
    elsewhere = {row.name: row for row in map(_found_row, found.models)}
    rows = [row if row.here else elsewhere.pop(row.name, row) for row in own]
    rows += elsewhere.values()
    return [row for row in rows if kind is None or kind in row.kinds], found


def _found_row(model: FoundModel) -> ModelRow:
    return ModelRow(
        name=marked(model.name, opens_onnx(model.engine)),
        aliases=model.aliases,
        kinds=model.kinds,
        format=format_of(model.engine, str(model.path)),
        size_bytes=model.size_bytes + _size_of(model.projector),
        licence=model.licence or "unknown",
        here=True,
        source=str(model.path),
        place=model.source,
        media=model.projector.media,
    )


def _size_of(projector: ModelProjector) -> int:
    try:
        return projector.path.stat().st_size if projector.path else 0
    except OSError:
        return 0


def format_of(engine: str, file: str) -> str:
    """The format of a model that an engine opens: ``onnx``, ``ctranslate2``, ``gguf``, or that of a checkpoint."""
    if opens_onnx(engine):
        return ONNX
    suffix = PurePath(file).suffix.lower()
    return "ctranslate2" if engine == WHISPER.name else suffix[1:] if suffix in DIFFUSION.suffixes else "gguf"


def _entry_row(entry: CatalogEntry, store: ModelStore) -> ModelRow:
    here, size_bytes, media = False, entry.size_bytes, entry.media
    match entry.source:
        case HubSource() | JoinedSource():
            installed = store.find(entry)
            here, size_bytes = installed is not None, installed.size_bytes if installed else size_bytes
            if installed and entry.parts:
                here = all(find_part(store, hub_source(part)) for _, part in entry.parts)
                size_bytes = size_bytes + parts_size_bytes(store, entry) if here else entry.size_bytes
            media = _media_of(installed) if installed else media
        case PackageSource() as source:
            here = source.is_installed()
        case PathSource(path):
            here = path.exists()
        case other:
            assert_never(other)
    return ModelRow(
        name=entry.name,
        aliases=entry.aliases,
        kinds=entry.kinds,
        format=format_of(entry.engine, str(entry.source)),
        size_bytes=size_bytes,
        licence=entry.licence,
        here=here,
        source=str(entry.source),
        note=entry.note,
        place=_place(entry) if here else "",
        media=media,
    )


def _place(entry: CatalogEntry) -> ModelPlace:
    return ModelPlace.PACKAGE if isinstance(entry.source, PackageSource) else ModelPlace.NEXA


def _installed_row(model: InstalledModel) -> ModelRow:
    try:
        if model.is_part:
            raise ModelError("a part of image models")
        resolved = model.resolve()
        kinds, found, note = resolved.kinds, format_of(resolved.engine, str(resolved.path)), resolved.projector.refusal
    except (ModelError, OSError) as error:
        kinds, found, note = (), "", str(error)
    return ModelRow(
        name=model.name,
        aliases=(),
        kinds=kinds,
        format=found,
        size_bytes=model.size_bytes,
        licence=model.licence,
        here=True,
        source=model.source,
        note=note,
        place=ModelPlace.NEXA,
        media=_media_of(model),
    )


def _media_of(model: InstalledModel) -> tuple[MediaKind, ...]:
    """What an installed model takes beside text, by the projector that was fetched with it."""
    try:
        return read_projector(model.beside[0]).media if model.beside else ()
    except (ModelError, OSError):
        return ()
