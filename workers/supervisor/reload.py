"""``--reload``: the router is restarted when its code changes; the workers keep their models."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from watchfiles import PythonFilter, awatch

from shared.interpreter import CODE_FOLDER

WATCHED_PACKAGES = ("router", "shared")

log = logging.getLogger("nexa.supervisor")


async def restart_on_change(restart: Callable[[], Awaitable[None]]) -> None:
    """Call ``restart`` after each change of a Python file of the router or of what it shares. Runs until cancelled."""
    folders = [CODE_FOLDER / package for package in WATCHED_PACKAGES]
    async for changes in awatch(*folders, watch_filter=PythonFilter()):
        log.info("code changed, restarting the router", extra={"files": len(changes)})
        await restart()
