"""The catalog of model names, and from any way of naming a model to its files."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from shared.models.files import Engine, ModelFiles, ModelFormat, ModelKind, inspect_model
from shared.models.source import (
    MODEL_SUFFIXES,
    HubSource,
    JoinedSource,
    ModelError,
    PackageSource,
    PathSource,
    Source,
    looks_like_path,
    parse_source,
)

CATALOG_PATH = Path(__file__).with_name("catalog.toml")

_SEPARATORS = re.compile(r"[-_.:/\s]+")
_REPO_WITHOUT_PREFIX = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:.+)?")
_ENGINES: dict[ModelKind, tuple[Engine, ...]] = {
    "text": ("llama", "onnx"),
    "image": ("diffusion", "onnx"),
    "speech": ("whisper", "onnx"),
}


class UnknownModelError(ModelError):
    """A name that is no alias of the catalog, no path and no source."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model that has a name here; ``size_bytes`` is what a download takes, about."""

    name: str
    kind: ModelKind
    engine: Engine
    source: Source
    licence: str
    size_bytes: int
    aliases: tuple[str, ...] = ()
    sha256: str | None = None
    context_length: int | None = None
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model whose files are on this machine; ``path`` is what its engine opens."""

    name: str
    kind: ModelKind
    engine: Engine
    format: ModelFormat
    path: Path
    licence: str
    source: str


class ModelFinder(Protocol):
    """What :func:`resolve` needs of the model store."""

    def ensure(self, model: CatalogEntry | HubSource) -> ResolvedModel:
        """The installed model, pulled (or put together) first when it is not here."""


class Catalog:
    """Entries by name. Case and the separators ``- _ . : /`` do not count: ``Llama-3.2:1B`` is ``llama3.2-1b``."""

    def __init__(self, entries: Iterable[CatalogEntry]) -> None:
        self._entries: dict[str, CatalogEntry] = {}
        self._by_key: dict[str, CatalogEntry] = {}
        for entry in entries:
            self._entries[entry.name] = entry
            for name in entry.names:
                if self._by_key.setdefault(_key(name), entry) is not entry:
                    raise ValueError(f"catalog: {name!r} names both {self._by_key[_key(name)].name} and {entry.name}")

    def __iter__(self) -> Iterator[CatalogEntry]:
        return iter(self._entries.values())

    def find(self, name: str) -> CatalogEntry | None:
        """The entry that ``name`` or an alias of it names, or None."""
        return self._by_key.get(_key(name))

    def get(self, name: str) -> CatalogEntry:
        """The entry that ``name`` names. Raises :class:`UnknownModelError`, which offers the nearest name."""
        entry = self.find(name)
        if entry is None:
            raise UnknownModelError(f"unknown model {name!r}{self._hint(name)}; see all names with: nexa list")
        return entry

    def _hint(self, name: str) -> str:
        if _REPO_WITHOUT_PREFIX.fullmatch(name):
            return f" (a hub repository is written hf:{name})"
        near = difflib.get_close_matches(_key(name), self._by_key, n=1)
        names = [alias for alias in self._by_key[near[0]].names if _key(alias) == near[0]] if near else []
        return f", did you mean {names[0]}?" if names else ""


@cache
def load_catalog(path: Path = CATALOG_PATH) -> Catalog:
    """Read the catalog that comes with this package. Raises ``ValueError`` when its data are wrong."""
    with path.open("rb") as file:
        document = tomllib.load(file)
    return Catalog(_read_entry(row) for row in document["model"])


def resolve(spec: str, store: ModelFinder) -> ResolvedModel:
    """Turn a name into a model that is on this machine, pulling it through ``store`` when it is not.

    ``spec`` is an alias of the catalog, a local file or folder, ``hf:owner/repo[:file-pattern]`` or
    ``package:module/file``. A local path wins over an alias when it is written like one and exists. Raises
    :class:`ModelError` (:class:`UnknownModelError` for a name that means nothing) and ``GGUFError``.
    """
    source = parse_source(spec)
    if isinstance(source, HubSource):
        return store.ensure(source)
    if isinstance(source, PackageSource):
        return _from_path(source.locate(), spec)
    if isinstance(source, JoinedSource):
        raise ModelError(f"{spec} is a source of the catalog's; accepted here is the model's name in the catalog")
    if looks_like_path(spec) and source.path.exists():
        return _from_path(source.path, str(source.path))
    catalog = load_catalog()
    repo_like = _REPO_WITHOUT_PREFIX.fullmatch(spec) and not spec.lower().endswith(MODEL_SUFFIXES)
    if looks_like_path(spec) and not repo_like and catalog.find(spec) is None:
        raise UnknownModelError(f"no such file or folder: {spec}; see the names of models with: nexa list")
    return resolve_entry(catalog.get(spec), store)


def resolve_entry(entry: CatalogEntry, store: ModelFinder) -> ResolvedModel:
    """The files of a catalog entry, made ready by ``store`` unless an installed package ships them as they are."""
    if isinstance(entry.source, HubSource | JoinedSource):
        return store.ensure(entry)
    path = entry.source.locate() if isinstance(entry.source, PackageSource) else entry.source.path
    return resolved(inspect_model(path), entry.name, entry.licence, str(entry.source))


def resolved(files: ModelFiles, name: str, licence: str, source: str) -> ResolvedModel:
    """Join recognised files with what is known about the model."""
    return ResolvedModel(name, files.kind, files.engine, files.format, files.path, licence, source)


def _from_path(path: Path, source: str) -> ResolvedModel:
    files = inspect_model(path.resolve())
    name = files.path.stem if files.path.is_file() else files.path.name
    return resolved(files, name, "unknown", source)


def _key(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())


def _read_entry(row: dict[str, Any]) -> CatalogEntry:
    entry = CatalogEntry(**{**row, "aliases": tuple(row.get("aliases", ())), "source": parse_source(row["source"])})
    if entry.engine not in _ENGINES.get(entry.kind, ()):
        raise ValueError(f"catalog: {entry.name} has kind {entry.kind!r} and engine {entry.engine!r}")
    if isinstance(entry.source, PathSource):
        raise ValueError(f"catalog: {entry.name} comes from {entry.source}, hf: or package: is accepted")
    return entry
