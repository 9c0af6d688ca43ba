"""The store of models that were fetched from a hub or joined from packages.

Each model has one folder: ``files/`` as in its repository, and ``manifest.json``, written last. A folder without a
manifest is an unfinished download, which the next pull resumes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from filelock import FileLock, Timeout

from shared.errors import ModelError
from shared.hub.choice import choose_files
from shared.hub.fetching import download_into, pinned
from shared.hub.manifest import MANIFEST, InstalledModel, read_manifest, write_manifest
from shared.hub.part_files import ensure_parts, unused_parts
from shared.hub.projectors import choose_hub_projector
from shared.hub.pull_progress import PullProgress, SilentProgress
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.joining import join_folders
from shared.models.names import ONNX, marked, split_mark
from shared.models.recognition import inspect_model
from shared.models.resolution import ResolvedModel, resolve_entry
from shared.models.source import HubSource, JoinedSource, PackageSource, parse_source

if TYPE_CHECKING:
    from shared.hub.client import Hub

FetchedSource = HubSource | JoinedSource
"""Sources whose models are kept in the store. Models of other sources are opened where they are."""


class NotInstalledError(ModelError):
    """The store holds no such model."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A model to keep in the store. ``entry`` is None for a hub repository that is not in the catalog."""

    name: str
    source: FetchedSource
    entry: CatalogEntry | None = None

    @classmethod
    def of(cls, model: CatalogEntry | HubSource) -> _Request | None:
        """The request for ``model``; None if it is not kept in the store."""
        match model:
            case HubSource():
                name = split_mark(str(model))[1].removeprefix("hf:")
                return cls(marked(name, model.onnx), model)
            case CatalogEntry(source=HubSource() | JoinedSource() as source):
                return cls(model.name, source, model)
            case CatalogEntry():
                return None
            case other:
                assert_never(other)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Files in the store, starting with the one to open, and their origin. The licence is empty if unknown."""

    files: tuple[str, ...]
    commit: str = ""
    licence: str = ""
    projector: str | None = None


def default_root() -> Path:
    """The folder of the models: ``NEXA_MODELS``, else ``~/.cache/nexa/models``."""
    return Path(os.environ.get("NEXA_MODELS") or "~/.cache/nexa/models").expanduser()


class ModelStore:
    """The models under ``root``. Several processes may share a store; only one at a time fetches a model.

    ``with_projectors`` fetches a model's projector with it, if its repository has one.
    """

    def __init__(
        self,
        root: Path | None = None,
        hub: Hub | None = None,
        progress: PullProgress | None = None,
        with_projectors: bool = True,
    ) -> None:
        self.root = root or default_root()
        self._hub = hub
        self._progress = progress or SilentProgress()
        self._with_projectors = with_projectors

    def without_projectors(self) -> ModelStore:
        """The same store, for models that need no projector."""
        return ModelStore(self.root, self._hub, self._progress, with_projectors=False)

    def installed(self) -> list[InstalledModel]:
        """All complete models, by name. Other folders, and those with a damaged manifest, are skipped."""
        return [model for model in self.everything() if not model.is_part]

    def everything(self) -> list[InstalledModel]:
        """The same, and the parts of image models that were fetched as such."""
        if not self.root.is_dir():
            return []
        found = (read_manifest(folder) for folder in self.root.iterdir() if folder.is_dir())
        return sorted((model for model in found if model is not None), key=lambda model: (model.name, model.source))

    def find(self, model: CatalogEntry | HubSource) -> InstalledModel | None:
        """The installed model with the source of ``model``. Never asks the hub."""
        request = _Request.of(model)
        return None if request is None else self._find(request)

    def ensure(self, model: CatalogEntry | HubSource, progress: PullProgress | None = None) -> ResolvedModel:
        """The installed model, fetched first if it is not here. Raises :class:`ModelError`."""
        request = _Request.of(model)
        if request is None:
            assert isinstance(model, CatalogEntry)
            return resolve_entry(model, self)
        found = (self._find(request) or self._fetch(request, progress or self._progress)).resolve()
        if request.entry is None:
            return replace(found, name=request.name)
        parts = ensure_parts(self, request.entry, progress or self._progress)
        return replace(
            found, name=request.name, kinds=request.entry.kinds, parts=parts, defaults=request.entry.defaults
        )

    def pull(self, name: str, progress: PullProgress | None = None) -> ResolvedModel:
        """Fetch a model by its catalog name or ``hf:`` source, unless it is here, and its projector if that is not.

        Raises:
            ModelError: there is no such model, or it cannot be fetched or served.
        """
        model = _parse_name(name)
        request = _Request.of(model)
        if request is not None and self._with_projectors:
            self._fetch_projector(request, progress or self._progress)
        return self.ensure(model, progress)

    def remove(self, name: str) -> InstalledModel:
        """Delete the model with this catalog name or ``hf:`` source, even if its download is unfinished.

        Parts of it that no other model of the catalog that is here has are deleted, too.

        Raises:
            NotInstalledError: the store does not hold it.
            ModelError: it belongs to an installed Python package, or is being fetched.
        """
        model = self.find_installed(name)
        with self.locked(model.folder, wait=False):
            self._delete(model.folder)
        for part in unused_parts(self, model):
            with self.locked(part.folder, wait=False):
                self._delete(part.folder)
        return model

    def find_installed(self, name: str) -> InstalledModel:
        """The model that :meth:`remove` would delete, with the same errors."""
        for present in self.everything():
            if name in (present.name, present.source):
                return present
        model = _parse_name(name)
        if isinstance(model, CatalogEntry) and isinstance(model.source, PackageSource):
            package = model.source.distribution
            raise ModelError(
                f"{model.name} belongs to the Python package {package}; remove it with: pip uninstall {package}"
            )
        request = _Request.of(model)
        installed = None
        if request is not None:
            installed = self._find(request) or self._find_unfinished(request)
        if installed is None:
            raise NotInstalledError(f"model {name!r} is not in {self.root}; see what is there with: nexa list --here")
        return installed

    def _find(self, request: _Request) -> InstalledModel | None:
        found = read_manifest(self.folder_of(request.source))
        return None if found is None or found.is_part else found

    def _find_unfinished(self, request: _Request) -> InstalledModel | None:
        folder = self.folder_of(request.source)
        if not folder.is_dir():
            return None
        return InstalledModel(
            name=request.name,
            source=str(request.source),
            commit="",
            licence="",
            files=(),
            size_bytes=_folder_bytes(folder),
            folder=folder,
        )

    def _fetch(self, request: _Request, progress: PullProgress) -> InstalledModel:
        folder = self.folder_of(request.source)
        with self.locked(folder):
            present = self._find(request)  # another process may have fetched it meanwhile
            if present is not None:
                return present
            match request.source:
                case HubSource() as source:
                    fetched = self._download(source, request.entry, folder, progress)
                case JoinedSource() as source:
                    sha256 = request.entry.sha256 if request.entry else None
                    fetched = _Fetched(join_folders(source.locate(), folder / "files", sha256))
                case other:
                    assert_never(other)
            for leftover in folder.rglob("*.part"):
                leftover.unlink()
            installed = InstalledModel(
                name=request.name,
                source=str(request.source),
                commit=fetched.commit,
                licence=request.entry.licence if request.entry else fetched.licence or "unknown",
                files=fetched.files,
                size_bytes=_folder_bytes(folder / "files"),
                folder=folder,
                projector=fetched.projector,
            )
            self._check(installed)
            self.keep(installed)
            return installed

    def _fetch_projector(self, request: _Request, progress: PullProgress) -> None:
        """Fetch the projector of a model that is here without one: of an earlier version, or not wanted until now."""
        present = self._find(request)
        if present is None or present.projector is not None or not isinstance(request.source, HubSource):
            return
        if not present.files[0].lower().endswith(".gguf"):
            return
        with self.locked(present.folder):
            hub = self.opened_hub()
            repo = hub.repo(request.source.repo)
            projector = choose_hub_projector(present.files[0], repo.files)
            if projector is not None:
                download_into(hub, repo, projector, present.folder / "files", progress)
            path, size_bytes = projector.path if projector else "", _folder_bytes(present.folder / "files")
            self.keep(replace(present, projector=path, size_bytes=size_bytes))

    def keep(self, model: InstalledModel) -> None:
        """Write a model's manifest: it is complete."""
        write_manifest(model)
        with suppress(OSError):
            os.utime(self.root)  # running servers look at its time

    def opened_hub(self) -> Hub:
        """The client of the hub."""
        from shared.hub.client import Hub  # a server that fetches nothing needs none of its libraries

        return self._hub or Hub()

    def _download(
        self, source: HubSource, entry: CatalogEntry | None, folder: Path, progress: PullProgress
    ) -> _Fetched:
        hub = self.opened_hub()
        repo = hub.repo(source.repo)
        files = choose_files(source, repo.files, entry.engine if entry else None)
        if entry and entry.sha256:
            files[0] = pinned(source, files[0], entry.sha256)
        projector = choose_hub_projector(files[0].path, repo.files) if self._with_projectors else None
        for file in (*files, *([projector] if projector else [])):
            download_into(hub, repo, file, folder / "files", progress)
        beside = (projector.path if projector else "") if self._with_projectors else None
        return _Fetched(tuple(file.path for file in files), repo.commit, repo.licence, beside)

    def _check(self, model: InstalledModel) -> None:
        """Recognise the fetched files. If no engine can open them, they are deleted, but for a part of other models."""
        try:
            inspect_model(model.path, model.onnx)
        except ModelError as error:
            if not (model.folder / MANIFEST).exists():
                self._delete(model.folder)
            raise ModelError(f"{model.source}: fetched, but cannot be served: {error}") from None

    def folder_of(self, source: FetchedSource) -> Path:
        """A readable folder name that no other source has."""
        name = f"{source.repo.replace('/', '--')}--{source.pattern}" if isinstance(source, HubSource) else str(source)
        name = f"{ONNX}--{name}" if source.onnx else name
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("-_")
        return self.root / f"{readable[:150]}--{hashlib.sha256(str(source).encode()).hexdigest()[:8]}"

    def _delete(self, folder: Path) -> None:
        if folder.parent != self.root or folder.is_symlink():
            raise ModelError(f"{folder}: expected a folder of the store {self.root}; it was not deleted")
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)

    @contextmanager
    def locked(self, folder: Path, wait: bool = True) -> Iterator[None]:
        """Keep other processes from a model's folder; without waiting, :class:`ModelError` if one has it."""
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.root / f".{folder.name}.lock", timeout=-1 if wait else 0):
                yield
        except Timeout:
            raise ModelError(f"{folder.name} is being fetched by another process") from None


def _parse_name(name: str) -> CatalogEntry | HubSource:
    source = parse_source(name)
    return source if isinstance(source, HubSource) else load_catalog().get(name)


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
