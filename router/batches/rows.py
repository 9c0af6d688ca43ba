"""The rows of batches, for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from router.batches.store import BatchStore
from router.files.keeper import FileKeeper, FilesUnavailable

P = ParamSpec("P")
R = TypeVar("R")

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
"""Pauses between attempts while the disk fails; they double."""


class BatchRows:
    """Calls methods of :class:`BatchStore`: ``await rows.run(BatchStore.find, batch_id)``."""

    def __init__(self, keeper: FileKeeper) -> None:
        self._keeper = keeper

    async def run(self, method: Callable[Concatenate[BatchStore, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the method returns.

        Raises:
            FilesUnavailable: the disk fails or does not answer.
            ApiError: what the method raises.
        """
        return await self._keeper.run(lambda opened: method(BatchStore(opened), *args, **kwargs))

    async def insist(self, method: Callable[Concatenate[BatchStore, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As :meth:`run`, again and again while the disk fails. The method must not mind being called twice."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self.run(method, *args, **kwargs)
            except FilesUnavailable:  # the keeper has logged it
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_PAUSE_S)
