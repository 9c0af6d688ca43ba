"""Models that were pulled from the hub: where they lie, which there are, fetching and removing them.

A model is one folder of the store: ``files/`` as in its repository, and ``manifest.json``, written last. Without its
manifest a folder is an unfinished download, which the next pull goes on with.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from shared.engines.files import HubFile, ModelFiles
from shared.errors import ModelError
from shared.hub.choice import choose_files
from shared.hub.client import Hub, HubRepo, PullProgress
from shared.hub.manifest import MANIFEST, InstalledModel, read_manifest, write_manifest
from shared.hub.progress import SilentProgress
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.files import inspect_model
from shared.models.joining import join_folders
from shared.models.resolution import ResolvedModel, resolve_entry
from shared.models.source import HubSource, JoinedSource, PackageSource, is_safe_relative, parse_source


class NotInstalledError(ModelError):
    """The store holds no such model."""


def default_root() -> Path:
    """The folder of the models: ``NEXA_MODELS``, else ``~/.cache/nexa/models``."""
    return Path(os.environ.get("NEXA_MODELS") or "~/.cache/nexa/models").expanduser()


class ModelStore:
    """The models under ``root``. Several processes may use one store: a model is fetched by one of them at a time."""

    def __init__(self, root: Path | None = None, hub: Hub | None = None, progress: PullProgress | None = None) -> None:
        self.root = root or default_root()
        self._hub = hub or Hub()
        self._progress = progress or SilentProgress()

    def installed(self) -> list[InstalledModel]:
        """All whole models, by name. Folders that are not ours, or whose manifest is damaged, are passed over."""
        if not self.root.is_dir():
            return []
        found = (read_manifest(folder) for folder in self.root.iterdir() if folder.is_dir())
        return sorted((model for model in found if model is not None), key=lambda model: (model.name, model.source))

    def find(self, model: CatalogEntry | HubSource) -> InstalledModel | None:
        """The installed model that comes from the source of ``model``, without asking the hub."""
        source = model.source if isinstance(model, CatalogEntry) else model
        folder = self._folder(source) if isinstance(source, HubSource | JoinedSource) else None
        return read_manifest(folder) if folder is not None and folder.is_dir() else None

    def ensure(self, model: CatalogEntry | HubSource) -> ResolvedModel:
        """The installed model, pulled first when it is not here."""
        return self._ensure(model, self._progress)

    def pull(self, entry_or_spec: CatalogEntry | str, progress: PullProgress | None = None) -> ResolvedModel:
        """Fetch a model by catalog entry, catalog name or ``hf:`` source; a whole, present one is not fetched again.

        What an installed Python package ships is only looked up. Raises :class:`ModelError`.
        """
        model = entry_or_spec if isinstance(entry_or_spec, CatalogEntry) else _parse_spec(entry_or_spec)
        if isinstance(model, CatalogEntry) and not isinstance(model.source, HubSource | JoinedSource):
            return resolve_entry(model, self)
        return self._ensure(model, progress or self._progress)

    def remove(self, name: str) -> InstalledModel:
        """Delete the model that ``name`` (a catalog name, a ``hf:`` source) means; unfinished downloads go with it.

        Raises :class:`NotInstalledError`, and :class:`ModelError` for what an installed Python package ships.
        """
        model = self.find_installed(name)
        with self._locked(model.folder, wait=False):
            self._delete(model.folder)
        return model

    def find_installed(self, name: str) -> InstalledModel:
        """The model that :meth:`remove` would delete, with the same errors."""
        for present in self.installed():
            if name in (present.name, present.source):
                return present
        model = _parse_spec(name)
        if isinstance(model, CatalogEntry) and isinstance(model.source, PackageSource):
            package = model.source.distribution
            raise ModelError(
                f"{model.name} belongs to the Python package {package}; remove it with: pip uninstall {package}"
            )
        source = model.source if isinstance(model, CatalogEntry) else model
        installed = self.find(model)
        if installed is None and isinstance(source, HubSource):
            folder = self._folder(source)
            if folder.is_dir():
                return InstalledModel(_name(model), str(source), "", "", (), _folder_bytes(folder), folder)
        if installed is None:
            raise NotInstalledError(f"model {name!r} is not in {self.root}; see what is there with: nexa list")
        return installed

    def _ensure(self, model: CatalogEntry | HubSource, progress: PullProgress) -> ResolvedModel:
        found = (self.find(model) or self._pull(model, progress)).resolve()
        if isinstance(model, CatalogEntry):
            return replace(found, name=model.name, kinds=model.kinds)
        return replace(found, name=_name(model))

    def _join(self, entry: CatalogEntry, source: JoinedSource) -> InstalledModel:
        """Put a model together from the packages that hold its parts."""
        folders, folder = source.locate(), self._folder(source)
        with self._locked(folder):
            present = self.find(entry)
            if present is not None:
                return present
            files = join_folders(folders, folder / "files", entry.sha256)
            installed = InstalledModel(
                name=entry.name,
                source=str(source),
                commit="",
                licence=entry.licence,
                files=files,
                size_bytes=_folder_bytes(folder / "files"),
                folder=folder,
            )
            self._check(installed)
            write_manifest(installed)
            return installed

    def _pull(self, model: CatalogEntry | HubSource, progress: PullProgress) -> InstalledModel:
        source = model.source if isinstance(model, CatalogEntry) else model
        if isinstance(model, CatalogEntry) and isinstance(source, JoinedSource):
            return self._join(model, source)
        if not isinstance(source, HubSource):
            raise ModelError(f"{_name(model)} comes from {source}, only hub models can be pulled")
        folder = self._folder(source)
        with self._locked(folder):
            present = self.find(model)
            if present is not None:
                return present
            repo = self._hub.repo(source.repo)
            engine = model.engine if isinstance(model, CatalogEntry) else None
            files = choose_files(source, repo.files, engine)
            if isinstance(model, CatalogEntry) and model.sha256:
                files[0] = replace(files[0], sha256=model.sha256)
            self._download(repo, files, folder, progress)
            licence = model.licence if isinstance(model, CatalogEntry) else repo.licence or "unknown"
            installed = InstalledModel(
                name=_name(model),
                source=str(source),
                commit=repo.commit,
                licence=licence,
                files=tuple(file.path for file in files),
                size_bytes=sum(file.size_bytes for file in files),
                folder=folder,
            )
            self._check(installed)
            for leftover in folder.rglob("*.part"):
                leftover.unlink()
            write_manifest(installed)
            return installed

    def _download(self, repo: HubRepo, files: list[HubFile], folder: Path, progress: PullProgress) -> None:
        base = folder / "files"
        for file in files:
            if not is_safe_relative(file.path):
                raise ModelError(f"hub repository {repo.repo} has a file with an unsafe name: {file.path[:100]!r}")
            target = base / file.path
            if not target.parent.resolve().is_relative_to(base.resolve()):
                raise ModelError(f"{file.path} of {repo.repo} would be written outside {base}")
            self._hub.download(repo, file, target, progress)

    def _check(self, model: InstalledModel) -> ModelFiles:
        """Recognise the fetched files; those that no engine can open are not kept."""
        try:
            return inspect_model(model.path)
        except ModelError as error:
            self._delete(model.folder)
            raise ModelError(f"{model.source} was fetched whole but cannot be served: {error}") from None

    def _folder(self, source: HubSource | JoinedSource) -> Path:
        """A folder name that people can read and that no other source has."""
        name = f"{source.repo.replace('/', '--')}--{source.pattern}" if isinstance(source, HubSource) else str(source)
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("-_")
        return self.root / f"{readable[:150]}--{hashlib.sha256(str(source).encode()).hexdigest()[:8]}"

    def _delete(self, folder: Path) -> None:
        if folder.parent != self.root or folder.is_symlink():
            raise ModelError(f"{folder} is not a folder of the store {self.root}; it was left alone")
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)

    @contextmanager
    def _locked(self, folder: Path, wait: bool = True) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.root / f".{folder.name}.lock", timeout=-1 if wait else 0):
                yield
        except Timeout:
            raise ModelError(f"{folder.name} is being fetched by another process") from None


def _parse_spec(spec: str) -> CatalogEntry | HubSource:
    source = parse_source(spec)
    return source if isinstance(source, HubSource) else load_catalog().get(spec)


def _name(model: CatalogEntry | HubSource) -> str:
    return model.name if isinstance(model, CatalogEntry) else str(model).removeprefix("hf:")


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
