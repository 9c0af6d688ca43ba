"""From a model's name, path or source to its files on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, assert_never

from shared.engines.files import ModelFiles
from shared.engines.registry import model_suffixes
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.models.catalog import BARE_REPO, CatalogEntry, UnknownModelError, load_catalog
from shared.models.recognition import inspect_model
from shared.models.source import HubSource, JoinedSource, PackageSource, PathSource, looks_like_path, parse_source


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model on this machine. ``path`` is what its engine opens."""

    name: str
    kinds: tuple[JobKind, ...]
    engine: str
    path: Path
    licence: str
    source: str


class ModelFinder(Protocol):
    """The part of :class:`shared.hub.store.ModelStore` that :func:`resolve` uses."""

    def ensure(self, model: CatalogEntry | HubSource) -> ResolvedModel:
        """The installed model, fetched first if it is not here."""


def resolve(spec: str, store: ModelFinder) -> ResolvedModel:
    """Find the model that ``spec`` names. ``store`` fetches it if it is not on this machine.

    ``spec`` is a name of the catalog, a local file or folder, ``hf:owner/repo[:file-pattern]`` or
    ``package:module/file``. What is written like a path and exists is a path, even if it is also a name.

    Raises:
        ModelError: there is no such model, or it cannot be fetched or read.
    """
    match parse_source(spec):
        case HubSource() as source:
            return store.ensure(source)
        case PackageSource() as source:
            return _from_path(source.locate(), spec)
        case JoinedSource():
            raise ModelError(f"model: expected the name of this model in the catalog, got its source {spec!r}")
        case PathSource(path):
            return _from_path(path, str(path)) if looks_like_path(spec) and path.exists() else _by_name(spec, store)
        case other:
            assert_never(other)


def resolve_entry(entry: CatalogEntry, store: ModelFinder) -> ResolvedModel:
    """The files of a catalog entry, from ``store`` unless one installed package ships all of them."""
    match entry.source:
        case HubSource() | JoinedSource():
            return store.ensure(entry)
        case PackageSource() as source:
            path = source.locate()
        case PathSource(path):
            pass
        case other:
            assert_never(other)
    model = resolved(inspect_model(path), entry.name, entry.licence, str(entry.source))
    return replace(model, kinds=entry.kinds)


def resolved(files: ModelFiles, name: str, licence: str, source: str) -> ResolvedModel:
    """Combine recognised files with the model's name and origin."""
    return ResolvedModel(name, files.kinds, files.engine, files.path, licence, source)


def _by_name(spec: str, store: ModelFinder) -> ResolvedModel:
    catalog = load_catalog()
    repo_like = BARE_REPO.fullmatch(spec) and not spec.lower().endswith(model_suffixes())
    if looks_like_path(spec) and not repo_like and catalog.find(spec) is None:
        raise UnknownModelError(f"model: expected an existing file or folder, got {spec!r}; names of models: nexa list")
    return resolve_entry(catalog.get(spec), store)


def _from_path(path: Path, source: str) -> ResolvedModel:
    files = inspect_model(path.resolve())
    name = files.path.stem if files.path.is_file() else files.path.name
    return resolved(files, name, "unknown", source)
