"""The parts of image models in the store: files of the hub that several models may share, each in its own folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shared.engines.diffusion.tensors import CHECKPOINTS, read_shapes
from shared.engines.files import HubFile, Listing
from shared.errors import ModelError
from shared.hub.fetching import download_into
from shared.hub.manifest import InstalledModel, read_manifest
from shared.hub.pull_progress import PullProgress
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.parts import hub_source
from shared.models.source import HubSource

if TYPE_CHECKING:
    from shared.hub.client import Hub

_SUFFIXES = (".gguf", *CHECKPOINTS)


class PartStore(Protocol):
    """The part of :class:`shared.hub.store.ModelStore` that this module uses."""

    def folder_of(self, source: HubSource) -> Path:
        """The folder of a source."""

    def locked(self, folder: Path, wait: bool = True) -> AbstractContextManager[None]:
        """Keep other processes from it."""

    def opened_hub(self) -> Hub:
        """The client of the hub."""

    def keep(self, model: InstalledModel) -> None:
        """Write a manifest."""

    def installed(self) -> list[InstalledModel]:
        """All complete models."""


def ensure_parts(store: PartStore, entry: CatalogEntry, progress: PullProgress) -> tuple[tuple[str, str], ...]:
    """The files of a catalog entry's parts, each with its option; fetched first if they are not here.

    Raises:
        ModelError: one cannot be fetched.
    """
    return tuple((option, str(ensure_part(store, hub_source(part), progress))) for option, part in entry.parts)


def ensure_part(store: PartStore, source: HubSource, progress: PullProgress) -> Path:
    """The file of a part, fetched first if it is not here.

    Raises:
        ModelError: it cannot be fetched, or is no file of weights.
    """
    found = find_part(store, source)
    if found is not None:
        return found
    folder = store.folder_of(source)
    with store.locked(folder):
        found = find_part(store, source)  # another process may have fetched it meanwhile
        return found or _fetch(store, source, folder, progress)


def find_part(store: PartStore, source: HubSource) -> Path | None:
    """The file of a part that is here. Never asks the hub."""
    installed = read_manifest(store.folder_of(source))
    return installed.folder / "files" / installed.files[0] if installed else None


def parts_size_bytes(store: PartStore, entry: CatalogEntry) -> int:
    """The size of those parts of a catalog entry that are here."""
    found = (find_part(store, hub_source(part)) for _, part in entry.parts)
    return sum(path.stat().st_size for path in found if path is not None)


def unused_parts(store: PartStore, removed: InstalledModel) -> list[InstalledModel]:
    """The parts of a model that was removed which no other model of the catalog in the store has."""
    sources = {str(entry.source): entry for entry in load_catalog() if entry.parts}
    entry = sources.get(removed.source)
    if entry is None:
        return []
    used = {part for model in store.installed() if (other := sources.get(model.source)) for _, part in other.parts}
    return list(_installed(store, [part for _, part in entry.parts if part not in used]))


def _installed(store: PartStore, parts: list[str]) -> Iterator[InstalledModel]:
    for part in parts:
        installed = read_manifest(store.folder_of(hub_source(part)))
        if installed is not None and installed.is_part:
            yield installed


def _fetch(store: PartStore, source: HubSource, folder: Path, progress: PullProgress) -> Path:
    hub = store.opened_hub()
    repo = hub.repo(source.repo)
    file = choose_part(source, repo.files)
    download_into(hub, repo, file, folder / "files", progress)
    for leftover in folder.rglob("*.part"):
        leftover.unlink()
    path = folder / "files" / file.path
    read_shapes(path)  # it is no file of weights, or damaged
    name = str(replace(source, onnx=False)).removeprefix("hf:")
    store.keep(
        InstalledModel(
            name=name,
            source=str(source),
            commit=repo.commit,
            licence=repo.licence or "unknown",
            files=(file.path,),
            size_bytes=path.stat().st_size,
            folder=folder,
            is_part=True,
        )
    )
    return path


def choose_part(source: HubSource, files: tuple[HubFile, ...]) -> HubFile:
    """The only file of a repository that ``source`` may mean.

    Raises:
        ModelError: there is none, or there are several.
    """
    exact = [file for file in files if file.path == source.pattern]
    found = exact or Listing(source.repo, files, source.pattern).matching(*_SUFFIXES)
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.path for file in found[:5]) or "none"
    raise ModelError(f"{source}: expected one file of weights, got {names}")
