"""Work that stops when its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")


class ClientGone(Exception):
    """The client closed its connection before the answer was complete."""


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns, unless the client of the connection behind ``receive`` goes away first.

    The request's body must have been received. ``work`` is cancelled and waited for if the client goes, or the caller
    is cancelled. It gets a task of its own: in the caller's, each token of a stream would wake it through all layers of
    the application.

    Raises:
        ClientGone: the client went away.
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
