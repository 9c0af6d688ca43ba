"""Models of this program: those in its store, and those that installed Python packages ship."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shared.discovery.found import ModelPlace
from shared.discovery.sightings import ModelForm, Sighting
from shared.discovery.walking import FileFacts, Problem, list_folder
from shared.errors import ModelError
from shared.hub.manifest import InstalledModel
from shared.hub.store import ModelStore
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.source import JoinedSource, MissingPackageError, PackageSource

_MAX_FILES = 10_000
"""Of a model in a package."""


def stored_sightings(store: ModelStore, problem: Problem) -> Iterator[Sighting]:
    """The complete models in the store."""
    entries = {str(entry.source): entry for entry in load_catalog()}
    try:
        installed = store.installed()
    except OSError as error:
        problem(store.root, f"cannot be read: {error.strerror or error}")
        return
    for model in installed:
        yield _stored(model, entries.get(model.source))


def packaged_sightings() -> Iterator[Sighting]:
    """The models of the catalog that are in installed packages."""
    for entry in load_catalog():
        if not isinstance(entry.source, PackageSource):
            continue
        try:
            path = entry.source.locate()
        except MissingPackageError:
            continue
        yield Sighting(
            ModelForm.ANY,
            path,
            ModelPlace.PACKAGE,
            tuple(_files_of(path)),
            onnx=entry.source.onnx,
            name=entry.name,
            licence=entry.licence,
            entry=entry,
        )


def join_packages(store: ModelStore, problem: Problem) -> None:
    """Join the models that installed packages have in parts, unless that is done. They are then in the store."""
    for entry in load_catalog():
        if not isinstance(entry.source, JoinedSource):
            continue
        try:
            if store.find(entry) is None:
                entry.source.locate()
                store.ensure(entry)
        except MissingPackageError:
            continue
        except (ModelError, OSError) as error:
            problem(store.root, f"{entry.name}: cannot be joined from its packages: {error}")


def _stored(model: InstalledModel, entry: CatalogEntry | None) -> Sighting:
    files = model.folder / "files"
    found = (FileFacts.of(files / name) for name in model.files)
    return Sighting(
        ModelForm.ANY,
        model.path,
        ModelPlace.NEXA,
        tuple(facts for facts in found if facts is not None),
        onnx=model.onnx,
        name=model.name,
        licence=model.licence,
        entry=entry,
        beside=tuple(facts for facts in map(FileFacts.of, model.beside) if facts is not None),
    )


def _files_of(path: Path) -> list[FileFacts]:
    if path.is_file():
        return [facts for facts in [FileFacts.of(path)] if facts is not None]
    try:
        folder = list_folder(path, _MAX_FILES)
    except OSError:
        return []
    return folder.facts(*folder.names)
