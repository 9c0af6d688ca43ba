"""How a client learns the place of its request in the queue.

A stream that waits for longer than ``PATIENCE_S`` starts with comments (``: queued at position N``) until its first
event. A whole answer has the place at acceptance in its header ``X-Queue-Position``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from router.answers.submission import Batch, SubmittedRequest
from router.http.disconnect import ClientGone, run_unless_disconnected

POSITION_HEADER = "X-Queue-Position"
PATIENCE_S = 1.0
"""How long a stream may wait in the queue before its response starts; errors until then get their HTTP status."""

REPORT_INTERVAL_S = 1.0
KEEP_ALIVE_REPORTS = 15
"""Intervals after which an unchanged position is sent again, to keep the connection alive."""

MakeStream = Callable[[Batch | None], Response]


def position_header(submitted: SubmittedRequest) -> dict[str, str]:
    """The header of a whole answer."""
    return {POSITION_HEADER: str(submitted.queue_position)}


async def first_batch(submitted: SubmittedRequest) -> asyncio.Task[Batch | None]:
    """Wait for a request's first batch, but for at most ``PATIENCE_S`` while it is in the queue.

    The returned task is done if there is a batch, and still running otherwise.
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
    """An ASGI response that sends the request's place in the queue until its first batch.

    It then continues as the stream that ``make`` returns for that batch, whose headers it has sent. An error in the
    queue becomes an event of that stream.
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
            first = await run_unless_disconnected(receive, self._report_until_first(send))
        except (ClientGone, OSError):
            self._give_up()
            return
        except BaseException:
            self._give_up()
            raise
        await self._make(first)(scope, receive, _without_start(send))

    async def _report_until_first(self, send: Send) -> Batch | None:
        reported, since = 0, 0
        while not self._taking.done():
            position = self._submitted.position()
            since += 1
            if position and (position != reported or since >= KEEP_ALIVE_REPORTS):
                comment = f": queued at position {position}\n\n"
                await send({"type": "http.response.body", "body": comment.encode(), "more_body": True})
                reported, since = position, 0
            await asyncio.wait({self._taking}, timeout=REPORT_INTERVAL_S)
        return self._taking.result()

    def _give_up(self) -> None:
        self._taking.cancel()
        self._submitted.close()


def _without_start(send: Send) -> Send:
    async def send_body(message: Message) -> None:
        if message["type"] != "http.response.start":
            await send(message)

    return send_body
