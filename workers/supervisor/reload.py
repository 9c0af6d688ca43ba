"""``--reload``: the router restarts when its code changes; workers keep their models."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from watchfiles import PythonFilter, awatch

from shared.interpreter import CODE_FOLDER

WATCHED_PACKAGES = ("router", "shared")

log = logging.getLogger("nexa.supervisor")


async def restart_on_change(restart: Callable[[], Awaitable[None]]) -> None:
    """Call ``restart`` after each change to a Python file in ``WATCHED_PACKAGES``. Runs until cancelled."""
    folders = [CODE_FOLDER / package for package in WATCHED_PACKAGES]
    async for changes in awatch(*folders, watch_filter=PythonFilter()):
        log.info("code changed, restarting the router", extra={"files": len(changes)})
        await restart()
