"""From a model's name, path or source to its files on this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, assert_never

from shared.engines.files import ModelFiles
from shared.engines.gguf_files import split_parts
from shared.engines.llama import LLAMA
from shared.engines.onnx.folders import root_of
from shared.engines.registry import model_suffixes
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.models.catalog import BARE_REPO, CatalogEntry, UnknownModelError, load_catalog
from shared.models.names import split_mark
from shared.models.projectors.choice import NONE, ModelProjector, choose_projector, projector_beside
from shared.models.recognition import inspect_model
from shared.models.source import HubSource, JoinedSource, PackageSource, PathSource, looks_like_path, parse_source

_PART = re.compile(r"-\d{5}-of-\d{5}$")


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model on this machine. ``path`` is what its engine opens, ``projector`` what lies there for its pictures.

    ``parts`` are the other files of an image model of the catalog, each with its option, and ``defaults`` what the
    catalog says of options.
    """

    name: str
    kinds: tuple[JobKind, ...]
    engine: str
    path: Path
    licence: str
    source: str
    projector: ModelProjector = NONE
    parts: tuple[tuple[str, str], ...] = ()
    defaults: tuple[tuple[str, str | int | float], ...] = ()


class ModelFinder(Protocol):
    """The part of :class:`shared.hub.store.ModelStore` that :func:`resolve` uses."""

    def ensure(self, model: CatalogEntry | HubSource) -> ResolvedModel:
        """The installed model, fetched first if it is not here."""


def resolve(spec: str, store: ModelFinder) -> ResolvedModel:
    """Find the model that ``spec`` names. ``store`` fetches it if it is not on this machine.

    ``spec`` is a name of the catalog, a local file or folder, ``hf:owner/repo[:file-pattern]`` or
    ``package:module/file``, with ``onnx:`` before it for an ONNX model. What is written like a path and exists is a
    path, even if it is also a name.

    Raises:
        ModelError: there is no such model, or it cannot be fetched or read.
    """
    match parse_source(spec):
        case HubSource() as source:
            return store.ensure(source)
        case PackageSource() as source:
            return resolve_path(source.locate(), spec, source.onnx)
        case JoinedSource():
            raise ModelError(f"model: expected the name of this model in the catalog, got its source {spec!r}")
        case PathSource(path, onnx) as source:
            if looks_like_path(spec) and path.exists():
                return resolve_path(path, str(source), onnx)
            return _by_name(spec, store)
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
    model = resolved(inspect_model(path, entry.source.onnx), entry.name, entry.licence, str(entry.source))
    return replace(model, kinds=entry.kinds)


def resolved(
    files: ModelFiles, name: str, licence: str, source: str, projector: ModelProjector = NONE
) -> ResolvedModel:
    """Combine recognised files with the model's name and origin."""
    return ResolvedModel(name, files.kinds, files.engine, files.path, licence, source, projector)


def resolve_path(path: Path, source: str, onnx: bool, beside: Sequence[Path] | None = None) -> ResolvedModel:
    """Recognise the file or folder at ``path``, which gives the model its name.

    Its projector may be one of ``beside``, or, without these, lie in its folder.

    Raises:
        ModelError: no engine can open it.
    """
    given = _with_real_folder(path)
    files = inspect_model(_to_open(given), onnx)
    named = files.path if given.is_dir() and files.path.is_file() else given
    if onnx:  # its files are all called alike
        named = root_of(given)
    return resolved(files, _name_of(named), "unknown", source, _projector(named, files, beside))


def _projector(model: Path, files: ModelFiles, beside: Sequence[Path] | None) -> ModelProjector:
    if files.engine != LLAMA.name:
        return NONE
    return projector_beside(model) if beside is None else choose_projector(model, beside)


def _by_name(spec: str, store: ModelFinder) -> ResolvedModel:
    catalog = load_catalog()
    repo_like = BARE_REPO.fullmatch(split_mark(spec)[1]) and not spec.lower().endswith(model_suffixes())
    if looks_like_path(spec) and not repo_like and catalog.find(spec) is None:
        raise UnknownModelError(f"model: expected an existing file or folder, got {spec!r}; names of models: nexa list")
    return resolve_entry(catalog.get(spec), store)


def _with_real_folder(path: Path) -> Path:
    """The absolute path with its own last name, which a link may have given it. Only its folder is resolved."""
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name


def _to_open(given: Path) -> Path:
    """The path itself, or the target of a link whose name says less than that of its target.

    A link keeps its name where the target's says nothing: in the hub's cache, models are links to files that are named
    by their hashes.
    """
    target, suffixes = given.resolve(), model_suffixes()
    suffix, target_suffix = given.suffix.lower(), target.suffix.lower()
    says_less = (
        suffix not in suffixes
        or (target_suffix in suffixes and target_suffix != suffix)
        or len(split_parts(target.name)) > len(split_parts(given.name))
    )
    return target if says_less else given


def _name_of(path: Path) -> str:
    """A model's name by its file or folder, without suffix and number of a part."""
    if path.is_dir():
        snapshot = path.parent.name == "snapshots" and path.parent.parent.name.startswith("models--")
        return path.parent.parent.name.rpartition("--")[2] if snapshot else path.name
    name = path.stem if path.suffix.lower() in model_suffixes() else path.name
    return _PART.sub("", name)
