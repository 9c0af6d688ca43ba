"""Anthropic's messages from their events, put together as its clients do."""

from __future__ import annotations

import json
from typing import Any

from router.client.events import StreamEvent
from tests.support.event_stream import events_in

_ADDED = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def message_events(text: str) -> list[StreamEvent]:
    """The events of a stream without pings; each is named in its data too."""
    events = [event for event in events_in(text) if event.kind != "ping"]
    assert all(event.json["type"] == event.kind for event in events)
    return events


def message_of(events: list[StreamEvent]) -> dict[str, Any]:
    """The message that these events are. They begin, end and nest as they must."""
    first, *steps, last = events
    assert (first.kind, last.kind) == ("message_start", "message_stop")
    message: dict[str, Any] = first.json["message"]
    content: list[dict[str, Any]] = message["content"]
    assert content == []
    arguments, is_open = "", False
    for event in steps:
        data = event.json
        if event.kind == "message_delta":
            assert not is_open
            message.update(data["delta"])
            message["usage"].update(data["usage"])
            continue
        if event.kind == "content_block_start":
            assert not is_open
            content.append(data["content_block"])
            arguments, is_open = "", True
        elif event.kind == "content_block_delta":
            delta = data["delta"]
            if delta["type"] == "input_json_delta":
                arguments += delta["partial_json"]
            else:
                content[-1][_ADDED[delta["type"]]] += delta[_ADDED[delta["type"]]]
        else:
            assert event.kind == "content_block_stop"
            if arguments:
                content[-1]["input"] = json.loads(arguments)
            is_open = False
        assert data["index"] == len(content) - 1
    return message
