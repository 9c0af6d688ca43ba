"""Recordings sent to the speech endpoints, and a broker that answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from shared.settings import ServerSettings
from shared.wire.payloads import Done, FinishReason, Payload, Recording, Segment, Started, Word
from tests.support.router.client import ask
from tests.support.router.fake_broker import MODEL, FakeBroker

NOTHING: Mapping[str, Any] = {}
ROUTE = "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"
DONE = Done(FinishReason.STOP, 0, 0, 9, 0.2)
FIRST = Segment(
    0, 0.0, 1.5, " And so", [1, 2], 0.0, -0.25, 1.25, 0.125, [Word(" And", 0.0, 0.5, 0.9), Word(" so", 0.5, 1.5, 1.0)]
)
SECOND = Segment(1, 61.5, 62.0, " my fellow Americans.", [3], 0.2, -0.5, 1.5, 0.25, [Word(" my", 61.5, 62.0, 0.8)])
RECORDING = Recording("en", 0.987654, 62.25, 2.0)
SCRIPT: list[Payload] = [Started(0, 0), FIRST, SECOND, RECORDING, DONE]


def speech_broker(**changes: Any) -> FakeBroker:
    """A broker of a speech model, with these settings changed."""
    return FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", **changes), script=list(SCRIPT))


def upload(
    broker: FakeBroker,
    content: bytes = b"sound",
    path: str = ROUTE,
    fields: Mapping[str, Any] = NOTHING,
    **more: Any,
) -> httpx.Response:
    """Send a recording, with form fields by name."""
    return ask(broker, "POST", path, files={"file": ("a.mp3", content)}, data={**fields, **more})
