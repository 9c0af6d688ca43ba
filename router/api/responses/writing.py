"""Responses, whole or as a stream of events."""

from __future__ import annotations

from router.answers.choices import CollectedChoice
from router.answers.event_stream import EventWriter
from router.answers.submission import SubmittedRequest
from router.api.responses.event_lines import EventLines
from router.api.responses.keeping import Keeper
from router.api.responses.output import Output
from router.api.responses.prepared import PreparedResponse
from router.api.responses.response_object import (
    QUEUED,
    RUNNING,
    ResponseHead,
    ResponseObject,
    ResponseRendering,
    error_code,
)
from router.api.text.dialect import Dialect
from router.http.json_text import json_text
from router.schemas.errors import ApiError
from shared.wire.payloads import Done, FinishReason, Payload, Started, Tokens


def dialect(keeper: Keeper) -> Dialect[PreparedResponse, ResponseRendering]:
    """How a response is written, which is kept by ``keeper``."""

    def write(
        prepared: PreparedResponse, submitted: SubmittedRequest, choices: list[CollectedChoice]
    ) -> ResponseObject:
        response = whole_response(ResponseRendering.of(prepared.body), submitted, choices[0])
        keeper.ended(response)
        return response

    return Dialect(
        write,
        lambda prepared: ResponseRendering.of(prepared.body),
        ResponseRendering,
        lambda rendering, submitted: ResponseEvents(rendering, submitted, keeper),
    )


def whole_response(
    rendering: ResponseRendering, submitted: SubmittedRequest, choice: CollectedChoice
) -> ResponseObject:
    """The whole response."""
    output = Output(submitted.record.answer_id, rendering.form, EventLines())
    for tokens in choice.steps:
        output.add(tokens)
    reason = choice.end.finish_reason if choice.end else FinishReason.STOP
    output.finish(reason)
    return ResponseHead(rendering, submitted).done(output.as_items(), submitted.consumed, reason)


class ResponseEvents(EventWriter):
    """Writes the events of a response. The number of events that a payload makes is always the same."""

    def __init__(self, rendering: ResponseRendering, submitted: SubmittedRequest, keeper: Keeper) -> None:
        self._head = ResponseHead(rendering, submitted)
        self._background = rendering.background
        self._lines = EventLines()
        self._output = Output(submitted.record.answer_id, rendering.form, self._lines)
        self._reason = FinishReason.STOP
        self._keeper = keeper

    def opening(self) -> list[str]:
        """The response as it begins. One in the background is queued until its job starts."""
        response = self._head.running(QUEUED if self._background else RUNNING)
        if not self._background:
            self._keeper.begun(response)
        for event in ("created", response["status"]):
            self._lines.add(f"response.{event}", {"response": response})
        return self._lines.take()

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """Events for each step, and the end of the last item."""
        for payload in payloads:
            if isinstance(payload, Tokens):
                self._output.add(payload)
            elif isinstance(payload, Started) and self._background:
                self._lines.add("response.in_progress", {"response": self._head.running(RUNNING)})
            elif isinstance(payload, Done):
                self._reason = payload.finish_reason
                self._output.finish(payload.finish_reason)
        return self._lines.take()

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """The whole response."""
        response = self._head.done(self._output.as_items(), submitted.consumed, self._reason)
        return self._ended(response, str(response["status"]))

    def failure(self, error: ApiError) -> list[str]:
        """The response as far as it came. One that was cancelled has that as its status."""
        return self._ended(self._head.failed(self._output.break_off(), error), "failed")

    def reader_failure(self, error: ApiError) -> list[str]:
        """An ``error`` event for one reader, without a place in the stream."""
        event = {"type": "error", "code": error_code(error), "message": str(error), "param": error.param}
        return [f"event: error\ndata: {json_text({**event, 'sequence_number': self._lines.next_number})}\n\n"]

    def _ended(self, response: ResponseObject, event: str) -> list[str]:
        self._keeper.ended(response)
        self._lines.add(f"response.{event}", {"response": response})
        return self._lines.take()
