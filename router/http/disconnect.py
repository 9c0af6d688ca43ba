"""Work that is cancelled when its client disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")


class ClientGone(Exception):
    """The client closed its connection before the answer was complete."""


async def run_unless_disconnected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` and return its result, or cancel it when the client behind ``receive`` disconnects.

    The request's body must have been received. Cancelling the caller cancels ``work`` too. In all cases ``work`` has
    ended on return. It runs in its own task: in the caller's, each token of a stream would wake every middleware.

    Raises:
        ClientGone: the client disconnected first.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(receive))
    leaving.add_done_callback(lambda _: working.cancel())
    try:
        return await working
    except asyncio.CancelledError:
        caller = asyncio.current_task()
        if leaving.done() and caller is not None and not caller.cancelling():
            raise ClientGone from None
        raise
    finally:
        leaving.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
