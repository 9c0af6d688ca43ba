"""Requests that are made up: whatever they are, they are answered or refused."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any

from shared.wire.codec import encode
from shared.wire.jobs import Work
from shared.wire.work import unpack
from tests.support.router.client import ask
from tests.support.router.fake_broker import FakeBroker

JSON = {"Content-Type": "application/json"}


def openai_message(answer: Any) -> Any:
    """The message of OpenAI's error object."""
    return answer["error"]["message"]


def answered_or_refused(
    broker: FakeBroker,
    path: str,
    job_classes: tuple[type[Work], ...],
    statuses: Set[int] = frozenset({200, 400, 404}),
    message_of: Callable[[Any], Any] = openai_message,
    **request: Any,
) -> int:
    """Post a request; returns its status, which must be one of these.

    A refusal has a message. Jobs are of these classes, and come out of the wire as they went in.
    """
    response = ask(broker, "POST", path, **request)
    assert response.status_code in statuses, response.text
    if response.status_code != 200:
        message = message_of(response.json())
        assert isinstance(message, str)
        assert message
    for job in broker.jobs:
        assert isinstance(job.request.work, job_classes)
        assert unpack(encode(job.request.work), None) == job.request.work
    broker.jobs.clear()
    return response.status_code
