"""Arguments of calls as objects."""

from __future__ import annotations

from typing import Any

import pytest

from router.api.text.arguments import read_arguments
from shared.wire.payloads import Done, FinishReason, Started, Tokens, ToolCallDelta
from tests.support.router.client import CHAT, post
from tests.support.router.fake_broker import FakeBroker


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("", {}),
        ('{"a": "\\ud83d\\ude00 \\u00fc"}', {"a": "😀 ü"}),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}),
        ('{"a": "\\uDE00\\ud83d"}', {"a": "\ufffd\ufffd"}),
        ('{"a": "\\\\ud800"}', {"a": "\\ud800"}),
        ('{"a": "\\ud83d\\n"}', {"a": "\ufffd\n"}),
    ],
)
def test_half_of_a_pair_is_no_character(text: str, given: Any) -> None:
    assert read_arguments(text) == given


def test_what_was_cut_off_is_no_json() -> None:
    with pytest.raises(ValueError, match="Unterminated"):
        read_arguments('{"a": "b')


@pytest.mark.parametrize(
    ("path", "fields"), [("/v1/messages", {"max_tokens": 9}), ("/api/chat", {"stream": False}), ("/api/chat", {})]
)
def test_a_call_with_half_of_a_pair_can_be_sent(path: str, fields: dict[str, Any]) -> None:
    call = ToolCallDelta(0, "look_up", '{"city": "\\ud800"}')
    broker = FakeBroker(
        script=[Started(5, 0), Tokens("", [1], tool_calls=[call]), Done(FinishReason.STOP, 5, 0, 1, 0.1)]
    )
    response = post(broker, path, {**CHAT, **fields})
    assert response.status_code == 200
    assert '{"city":"\ufffd"}' in response.text
