"""Reports a request's position in the queue to its client.

A stream that is queued for longer than ``START_DELAY_S`` begins with its place in the queue until its first event, as
comments (``: queued at position N``) or however its format has it. While its model loads, it is told how far that is
instead (``: loading NAME 40 %``). A whole answer has the header ``X-Queue-Position``:
the position when the request was accepted.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from router.answers.stream_format import StreamFormat
from router.answers.submission import Batch, SubmittedRequest
from router.http.disconnect import ClientGone, run_unless_disconnected
from shared.logs.escaping import escaped

POSITION_HEADER = "X-Queue-Position"
START_DELAY_S = 1.0
"""Time in the queue after which a stream's response starts; until then, an error gets its own HTTP status."""

REPORT_INTERVAL_S = 1.0
"""Time between looks at the position in the queue."""
KEEP_ALIVE_INTERVALS = 15
"""Number of such intervals after which what has not changed is sent again, to keep the connection alive."""

MakeStream = Callable[[Batch | None], Response]


def position_header(submitted: SubmittedRequest) -> dict[str, str]:
    """The header ``X-Queue-Position`` of a whole answer."""
    return {POSITION_HEADER: str(submitted.queue_position)}


async def first_batch(submitted: SubmittedRequest) -> asyncio.Task[Batch | None]:
    """Wait for a request's first batch, but at most ``START_DELAY_S`` if the request is queued all that time.

    Returns the task that takes the batch: done if there is one, else still running.
    """
    taking = asyncio.ensure_future(submitted.next_batch())
    try:
        await asyncio.wait({taking}, timeout=START_DELAY_S if submitted.position() else None)
        if not taking.done() and not submitted.position():
            await asyncio.wait({taking})
    except BaseException:
        taking.cancel()
        raise
    return taking


class WaitReport:
    """Tells what a request waits for, in the words of its stream's format."""

    def __init__(self, submitted: SubmittedRequest, stream_format: StreamFormat) -> None:
        self._submitted = submitted
        self._format = stream_format
        self._reported = ""
        self._looks = 0

    def news(self) -> str:
        """What has changed since the last look, and now and then what has not; empty if there is nothing to tell."""
        told = self._told()
        self._looks += 1
        if not told or (told == self._reported and self._looks < KEEP_ALIVE_INTERVALS):
            return ""
        self._reported, self._looks = told, 0
        return told

    def _told(self) -> str:
        """What the request waits for; empty if it does not wait, or its format cannot tell."""
        position = self._submitted.position()
        share = self._submitted.loading() if position else None
        if share is not None:
            name, percent = escaped(self._submitted.model), math.floor(share * 100)
            return self._format.loading.replace("{percent}", str(percent)).replace("{model}", name)
        return self._format.position.replace("{position}", str(position)) if position else ""


class QueuedStream(Response):
    """An ASGI response that sends the request's position in the queue until its first batch.

    It then continues as the stream that ``make`` returns for that batch; it has already sent that stream's headers. An
    error while queued becomes an event of that stream.
    """

    def __init__(
        self,
        submitted: SubmittedRequest,
        taking: asyncio.Task[Batch | None],
        make: MakeStream,
        stream_format: StreamFormat,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = list(make(None).raw_headers)
        self._submitted = submitted
        self._taking = taking
        self._make = make
        self._format = stream_format

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
        report = WaitReport(self._submitted, self._format)
        while not self._taking.done():
            told = report.news()
            if told:
                await send({"type": "http.response.body", "body": told.encode(), "more_body": True})
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
