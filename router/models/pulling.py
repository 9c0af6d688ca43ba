"""Fetching of models: one thread for each model, and any number of clients that follow it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from shared.engines.files import HubFile
from shared.errors import ModelError
from shared.hub.pull_progress import PullProgress
from shared.models.resolution import ResolvedModel

REPORT_INTERVAL_S = 0.1
"""Time between two reports to a client."""
MAX_PULLS = 8
"""Models that are fetched at the same time."""


class PullStopped(ModelError):
    """Nobody follows the fetching any more. What has arrived is kept for the next attempt."""


class TooManyPulls(ModelError):
    """Too many models are being fetched."""


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How much of a file is here. When it is ``complete``, its hash is being checked."""

    file: HubFile
    done_bytes: int
    complete: bool = False


class Pull:
    """One model that is being fetched. Its thread calls the methods of :class:`PullProgress`; clients follow it.

    It stops when its last follower leaves, as Ollama's does.
    """

    def __init__(self, fetch: Callable[[PullProgress], ResolvedModel]) -> None:
        self._fetch = fetch
        self._files: list[FileProgress] = []
        self._stopping = False
        self._followers = 0
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[ResolvedModel] = self._loop.create_future()
        self._end.add_done_callback(lambda end: end.cancelled() or end.exception())  # it may have no follower

    @property
    def running(self) -> bool:
        """Whether further clients may follow it."""
        return not self._stopping and not self._end.done()

    def begin(self) -> None:
        """Start the thread, which is a daemon: the process may end beside it."""
        threading.Thread(target=self._run, name="pull", daemon=True).start()

    def start(self, file: HubFile, done_bytes: int) -> None:
        """A file begins.

        Raises:
            PullStopped: nobody follows.
        """
        self._check_followed()
        self._files.append(FileProgress(file, done_bytes))

    def advance(self, count_bytes: int) -> None:
        """Bytes have arrived.

        Raises:
            PullStopped: nobody follows.
        """
        self._check_followed()
        latest = self._files[-1]
        self._files[-1] = replace(latest, done_bytes=latest.done_bytes + count_bytes)

    def finish(self) -> None:
        """A file has arrived, or its download has failed."""
        latest = self._files[-1]
        self._files[-1] = replace(latest, complete=latest.done_bytes >= latest.file.size_bytes)

    def join(self) -> None:
        """Count a further follower, who calls :meth:`leave` at its end."""
        self._followers += 1

    def leave(self) -> None:
        """Stop, unless others follow."""
        self._followers -= 1
        if not self._followers:
            self.stop()

    async def follow(self) -> AsyncGenerator[FileProgress, None]:
        """Yield the state of each file, in their order, as it changes, until all is fetched.

        Raises:
            PullStopped: the server is to stop, whether or not the hub still sends.
            ModelError, OSError: it cannot be fetched.
        """
        at, seen = 0, None
        while True:
            ended = self._end.done()
            if self._stopping and not ended:
                raise PullStopped("the server stops; what has arrived is kept, and the next attempt goes on from there")
            files = self._files[at:]
            for file in files:
                if file != seen:
                    seen = file
                    yield file
            at += max(len(files) - 1, 0)
            if ended:
                break
            await asyncio.wait({self._end}, timeout=REPORT_INTERVAL_S)
        self._end.result()

    def stop(self) -> None:
        """Stop at the next bytes."""
        self._stopping = True

    def _check_followed(self) -> None:
        if self._stopping:
            raise PullStopped("the fetching was stopped, since its client left")

    def _run(self) -> None:
        try:
            model = self._fetch(self)
        except Exception as error:
            self._tell(functools.partial(self._end.set_exception, error))
        else:
            self._tell(functools.partial(self._end.set_result, model))

    def _tell(self, tell: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(tell)


class Pulls:
    """The models that are being fetched, each once, by their sources."""

    def __init__(self) -> None:
        self._pulls: dict[str, Pull] = {}

    def get(self, source: str, fetch: Callable[[PullProgress], ResolvedModel]) -> Pull:
        """The fetching of the model with this source, started with ``fetch`` unless it runs already.

        The caller has joined it.

        Raises:
            TooManyPulls: others have to end first.
        """
        self._pulls = {key: pull for key, pull in self._pulls.items() if pull.running}
        pull = self._pulls.get(source)
        if pull is None:
            if len(self._pulls) >= MAX_PULLS:
                raise TooManyPulls(f"expected at most {MAX_PULLS} models to be fetched at once, got one more")
            pull = self._pulls[source] = Pull(fetch)
            pull.begin()
        pull.join()
        return pull

    def stop(self) -> None:
        """Stop all of them."""
        for pull in self._pulls.values():
            pull.stop()
