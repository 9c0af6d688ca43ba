"""Models as clients manage them: described, fetched, deleted, and given further names. All APIs use this service."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from router.jobs.broker import Broker
from router.jobs.served import find_named, name_to_serve
from router.models.copies import CopiedNames, with_copies, without_latest
from router.models.description import ModelDescription, describe_file
from router.models.file_sizes import size_of_files
from router.models.pulling import FileProgress, Pull, Pulls
from router.models.watch import ModelWatch
from router.threads import Lane
from shared.discovery.found import ModelPlace
from shared.engines.registry import opens_onnx
from shared.errors import ModelError
from shared.hub.manifest import InstalledModel
from shared.hub.store import ModelStore, NotInstalledError
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.names import ONNX
from shared.models.source import HubSource, JoinedSource, parse_source
from shared.settings import ModelSettings

FILES_TIMEOUT_S = 30.0
UNREADABLE_RETRY_S = 60.0

log = logging.getLogger("nexa.request")


class ServedModelError(ModelError):
    """The model is served, and so cannot be deleted; or its name cannot be given to another one."""


async def _nothing() -> None:
    """Of a server that serves only the models that it was given."""


@dataclass(frozen=True, slots=True)
class PullRequested:
    """A fetching to follow, and the name by which the model will be known; ``appear`` lets it be served."""

    name: str
    pull: Pull
    appear: Callable[[], Awaitable[None]] = _nothing

    async def follow(self) -> AsyncGenerator[FileProgress, None]:
        """As :meth:`Pull.follow`; at its end the model is served, if the server serves what it finds."""
        async for progress in self.pull.follow():
            yield progress
        await self.appear()


class ModelService:
    """The models of this server and of the store on this machine.

    Args:
        broker: serves the models. Copied names become aliases in its settings.
        copies: the copied names.
        open_store: the store of fetched models.
        watch: serves what is fetched, if there is one.
    """

    def __init__(
        self,
        broker: Broker,
        copies: CopiedNames,
        open_store: Callable[[], ModelStore] = ModelStore,
        watch: ModelWatch | None = None,
    ) -> None:
        self._broker = broker
        self._copies = copies
        self._open_store = open_store
        self._watch = watch
        self._pulls = Pulls()
        self._lane = Lane("model files", threads=2, timeout_s=FILES_TIMEOUT_S)
        self._descriptions: dict[str, ModelDescription] = {}
        self._sizes: dict[str, int] = {}
        self._unreadable: dict[str, tuple[OSError | ModelError, float]] = {}
        self._apply_copies()

    def find(self, name: str) -> ModelSettings | None:
        """The served model that a client means by ``name``, if there is one."""
        return find_named(self._broker.settings.models, name)

    async def describe(self, model: ModelSettings) -> ModelDescription:
        """What the file of a served model says. It is read once, until :meth:`forget`.

        One that cannot be read is tried again after ``UNREADABLE_RETRY_S``, and not for every request until then.

        Raises:
            OSError, GGUFError: it can no longer be read.
            TimeoutError: the disk does not answer.
        """
        found = self._descriptions.get(model.name)
        if found is None:
            error, retry_at_s = self._unreadable.get(model.name, (None, 0.0))
            if error is not None and time.monotonic() < retry_at_s:
                raise error
            try:
                found = await self._lane.run(describe_file, model.name, model.path)
                found = replace(found, format=ONNX) if opens_onnx(model.engine) else found
            except (OSError, ModelError) as failure:
                log.warning("model file not read", extra={"model": model.name, "reason": str(failure)})
                self._unreadable[model.name] = failure, time.monotonic() + UNREADABLE_RETRY_S
                raise
            self._descriptions[model.name] = found
        return found

    async def sizes(self, models: Sequence[ModelSettings]) -> dict[str, int | None]:
        """The sizes of served models' files in bytes, by name; None where it is not known. A known one is kept."""
        new = {model.name: (model.path, model.mmproj) for model in models if model.name not in self._sizes}
        if new:
            try:
                found = await self._lane.run(lambda: {name: size_of_files(*files) for name, files in new.items()})
            except TimeoutError:
                log.warning("sizes of models not known: the disk does not answer")
                found = {}
            self._sizes |= {name: size for name, size in found.items() if size is not None}
        return {model.name: self._sizes.get(model.name) for model in models}

    def forget(self, model: str) -> None:
        """Read a model's files again when they are asked for: they were replaced, or are gone."""
        for known in (self._descriptions, self._sizes, self._unreadable):
            known.pop(model, None)

    async def installed(self, name: str) -> InstalledModel | None:
        """The model of this name in the store, served or not.

        Raises:
            TimeoutError: the disk does not answer.
        """
        try:
            return await self._lane.run(lambda: self._open_store().find_installed(name))
        except ModelError:
            return None

    async def stored(self) -> list[tuple[InstalledModel, str | None]]:
        """The models in the store, each with the name under which it is served, if it is.

        Raises:
            OSError: the store cannot be read.
            TimeoutError: the disk does not answer.
        """
        found = await self._lane.run(lambda: self._open_store().installed())
        return [(model, self._served_from(model)) for model in found]

    def _served_from(self, stored: InstalledModel) -> str | None:
        for model in self._broker.models:
            if model.path and Path(model.path).is_relative_to(stored.folder):
                return model.name
        return None

    async def copy(self, model: ModelSettings, name: str) -> None:
        """Give a served model the further name ``name``, instead of another model that had got it so.

        A name that means the model already needs nothing.

        Raises:
            ServedModelError: a model has the name by itself.
            StorageError, sqlite3.Error, OSError: it cannot be stored.
        """
        name = without_latest(name)
        owner = find_named(self._broker.models, name)
        if owner is not None and owner.name == model.name:
            return
        if owner is not None:
            raise ServedModelError(f"destination: expected a name that no served model has, got {name!r}")
        await self._lane.run(self._copies.put, name, model.name)
        self._apply_copies()

    async def delete(self, name: str) -> None:
        """Delete a copied name, or else the model from the store.

        Raises:
            ServedModelError: the model is served, and was named or has requests; or it is not of this program's store.
            NotInstalledError: there is none.
            ModelError: it is being fetched, or belongs to a Python package.
            TimeoutError: the disk does not answer.
            StorageError, sqlite3.Error, OSError: it cannot be deleted.
        """
        copied = without_latest(name)
        if copied in self._copies.names:
            await self._lane.run(self._copies.remove, copied)
            self._apply_copies()
            return
        served = self.find(name)
        if served is not None:
            await self._delete_served(name, served)
        else:
            await self._lane.run(self._delete_installed, name)

    async def pull(self, name: str) -> PullRequested:
        """Begin to fetch a model into the store, or join those who wait for it.

        Raises:
            ModelError: no such model is known, or too many are fetched already.
            TimeoutError: the disk does not answer.
        """
        wanted = await self._lane.run(_parse_name, name)
        store = self._open_store()
        key = str(wanted.source if isinstance(wanted, CatalogEntry) else wanted)
        known_as = wanted.name if isinstance(wanted, CatalogEntry) else key
        pull = self._pulls.get(key, functools.partial(store.ensure, wanted))
        return PullRequested(known_as, pull, self._watch.look if self._watch else _nothing)

    @property
    def serves_all(self) -> bool:
        """Whether every model that is on the machine is served."""
        return self._broker.settings.all_models

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the served models, as ``nexa server`` takes them."""
        return tuple(name_to_serve(model) for model in self._broker.models)

    def close(self) -> None:
        """Stop what is being fetched."""
        self._pulls.stop()

    async def _delete_served(self, name: str, served: ModelSettings) -> None:
        """Delete a model that is served only because it is in the store: it is unloaded first, if nobody uses it."""
        if self._watch is None or not served.source or served.load == "start":
            raise _in_use(name, served.name)
        if served.source != ModelPlace.NEXA:
            raise ServedModelError(ModelPlace(served.source).only_read(served.name, served.path))
        jobs = sum(job.request.model == served.name for job in self._broker.live_jobs())
        if jobs:
            message = f"model: expected one without requests, got {name!r}, which has {jobs}; try again when they end"
            raise ServedModelError(message)
        store = self._open_store()
        stored = await self._lane.run(source_of, store, Path(served.path))
        self._broker.residency.unload(served.name)
        await self._watch.remove(served.name, functools.partial(store.remove, stored))

    def _apply_copies(self) -> None:
        self._broker.rename_with(lambda models: with_copies(models, self._copies.names))

    def _delete_installed(self, name: str) -> None:
        store = self._open_store()
        found = store.find_installed(name)
        served = self._served_from(found)
        if served is not None:
            raise _in_use(name, served)
        store.remove(name)


def source_of(store: ModelStore, path: Path) -> str:
    """The source of the model in the store that has this file.

    Raises:
        ModelError: there is none, or it would be joined again from Python packages.
    """
    for model in store.installed():
        if path.is_relative_to(model.folder):
            source = parse_source(model.source)
            if isinstance(source, JoinedSource):
                packages = " ".join(dict.fromkeys(folder.distribution for folder in source.folders))
                message = f"{model.name} belongs to Python packages; remove it with: pip uninstall {packages}"
                raise ModelError(message)
            return model.source
    raise NotInstalledError(f"model: expected one that is still there, got {str(path)!r}")


def _in_use(name: str, served: str) -> ServedModelError:
    message = f"model: expected one that is not served, got {name!r}, which is served as {served}"
    return ServedModelError(f"{message}; stop the server or serve it without this model, then: nexa rm {served}")


def _parse_name(name: str) -> CatalogEntry | HubSource:
    """The model that a client names for fetching.

    Raises:
        ModelError: the catalog has no such name.
    """
    source = parse_source(name)
    return source if isinstance(source, HubSource) else load_catalog().get(name)
