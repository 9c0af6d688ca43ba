"""Fetchings that nobody has to follow: the server holds them until they end, and tells how they are."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, field

from router.models.pulling import FileProgress, Pull, PullStopped
from router.models.service import PullRequested
from router.schemas.server.models import PullState
from shared.engines.files import HubFile
from shared.errors import ModelError

log = logging.getLogger("nexa.request")

KEEP_ENDED = 20
"""Fetchings that have ended and are still told of; the oldest go first."""


@dataclass(slots=True, eq=False)
class HeldPull:
    """A model that is fetched. ``files`` are those that have begun; times are since the epoch."""

    pull_id: str
    name: str
    started_at_s: float
    state: PullState = PullState.RUNNING
    ended_at_s: float | None = None
    error: str = ""
    files: dict[HubFile, FileProgress] = field(default_factory=dict)

    def end(self, state: PullState, error: str = "") -> None:
        """Note the end, once."""
        if self.state is PullState.RUNNING:
            self.state, self.error, self.ended_at_s = state, error, time.time()


class HeldPulls:
    """The fetchings that the server holds, and those that have lately ended."""

    def __init__(self) -> None:
        self._pulls: dict[str, HeldPull] = {}
        self._followed: dict[str, tuple[Pull, asyncio.Task[None]]] = {}

    def all(self) -> list[HeldPull]:
        """All of them, the oldest first."""
        return list(self._pulls.values())

    def find(self, pull_id: str) -> HeldPull | None:
        """The one with this id."""
        return self._pulls.get(pull_id)

    def hold(self, requested: PullRequested) -> HeldPull:
        """Hold a fetching that the caller has joined; one of the same model that is held already goes on instead."""
        for held in self._pulls.values():
            if held.name == requested.name and held.state is PullState.RUNNING:
                requested.pull.leave()
                return held
        held = HeldPull(secrets.token_hex(8), requested.name, time.time())
        self._pulls[held.pull_id] = held
        task = asyncio.create_task(_follow(held, requested))
        self._followed[held.pull_id] = requested.pull, task
        task.add_done_callback(lambda _: self._let_go(held))
        self._forget_old()
        return held

    def stop(self, held: HeldPull) -> None:
        """Let go of a fetching, which stops unless somebody else follows it; what has arrived is kept."""
        held.end(PullState.STOPPED)
        self._let_go(held)

    def forget(self, held: HeldPull) -> None:
        """Tell no more of a fetching that has ended."""
        self._pulls.pop(held.pull_id, None)

    def _let_go(self, held: HeldPull) -> None:
        followed = self._followed.pop(held.pull_id, None)
        if followed is not None:
            pull, task = followed
            task.cancel()
            pull.leave()

    def _forget_old(self) -> None:
        ended = [held for held in self._pulls.values() if held.state is not PullState.RUNNING]
        for held in ended[: max(0, len(ended) - KEEP_ENDED)]:
            self.forget(held)


async def _follow(held: HeldPull, requested: PullRequested) -> None:
    try:
        async for progress in requested.follow():
            held.files[progress.file] = progress
    except PullStopped:
        held.end(PullState.STOPPED)
    except (ModelError, OSError) as error:
        held.end(PullState.FAILED, str(error))
    except Exception as error:
        log.exception("fetching failed", extra={"model": held.name})
        held.end(PullState.FAILED, f"{type(error).__name__}: {error}")
    held.end(PullState.DONE)
