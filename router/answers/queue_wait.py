"""How a client whose request waits in the queue learns where it stands.

A stream begins once it has waited for a while, with comments (``: queued at position N``) until its job's first event;
an answer in one piece tells in the header ``X-Queue-Position`` where the request stood when it was accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from router.answers.submission import Batch, SubmittedRequest
from router.http.disconnect import ClientGone, unless_gone

POSITION_HEADER = "X-Queue-Position"
PATIENCE_S = 1.0
"""A stream that gets its first event within so long, or leaves the queue, has an HTTP status that tells how it went."""

TELL_INTERVAL_S = 1.0
KEEP_ALIVE_TELLS = 15
"""A position that does not change is told again after so many intervals, to keep the connection alive."""

MakeStream = Callable[[Batch | None], Response]


def position_header(submitted: SubmittedRequest) -> dict[str, str]:
    """The header of an answer in one piece."""
    return {POSITION_HEADER: str(submitted.queue_position)}


async def first_batch(submitted: SubmittedRequest) -> asyncio.Task[Batch | None]:
    """Wait for a request's first batch, or until it has waited in the queue for longer than clients are patient.

    The task that is returned is done in the first case; in the second it goes on.
    """
    taking = asyncio.ensure_future(submitted.next_batch())
    try:
        await asyncio.wait({taking}, timeout=PATIENCE_S if submitted.position() else None)
        if not taking.done() and not submitted.position():
            await asyncio.wait({taking})
    except BaseException:
        taking.cancel()
        raise
    return taking


class QueuedStream(Response):
    """An ASGI response that tells the client its place in the queue until the first batch is there.

    It then goes on as the stream that ``make`` returns for that batch, with the headers which that has. An error in the
    queue is the stream's: its HTTP status has been sent.
    """

    def __init__(self, submitted: SubmittedRequest, taking: asyncio.Task[Batch | None], make: MakeStream) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = list(make(None).raw_headers)
        self._submitted = submitted
        self._taking = taking
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole stream."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            first = await unless_gone(receive, self._tell_until_first(send))
        except (ClientGone, OSError):
            self._give_up()
            return
        except BaseException:
            self._give_up()
            raise
        await self._make(first)(scope, receive, _without_start(send))

    async def _tell_until_first(self, send: Send) -> Batch | None:
        told, since = 0, 0
        while not self._taking.done():
            position = self._submitted.position()
            since += 1
            if position and (position != told or since >= KEEP_ALIVE_TELLS):
                comment = f": queued at position {position}\n\n"
                await send({"type": "http.response.body", "body": comment.encode(), "more_body": True})
                told, since = position, 0
            await asyncio.wait({self._taking}, timeout=TELL_INTERVAL_S)
        return self._taking.result()

    def _give_up(self) -> None:
        self._taking.cancel()
        self._submitted.close()


def _without_start(send: Send) -> Send:
    async def send_body(message: Message) -> None:
        if message["type"] != "http.response.start":
            await send(message)

    return send_body
