"""Items of a request's input: what is kept of each, and what is refused or ignored."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.errors import ApiError
from router.schemas.responses.items import Item, kept_input


def kept(*items: Any) -> list[Item]:
    return kept_input(list(items), lambda kind, index: f"{kind}-{index}")[0]


def test_a_string_is_a_message_of_the_user() -> None:
    assert kept_input("Hello", lambda kind, index: "new") == (
        [
            {
                "id": "new",
                "type": "message",
                "status": "completed",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hello"}],
            }
        ],
        [],
    )


@pytest.mark.parametrize(
    ("role", "content", "parts"),
    [
        ("user", "a", [{"type": "input_text", "text": "a"}]),
        ("developer", [{"type": "text", "text": "a"}], [{"type": "input_text", "text": "a"}]),
        ("assistant", "a", [{"type": "output_text", "text": "a", "annotations": []}]),
        ("assistant", [{"type": "refusal", "refusal": "no"}], [{"type": "refusal", "refusal": "no"}]),
    ],
)
def test_content_becomes_parts_of_the_type_that_fits_the_role(role: str, content: Any, parts: Any) -> None:
    assert kept({"role": role, "content": content})[0]["content"] == parts


def test_own_ids_stay_and_the_others_are_made() -> None:
    items = kept({"role": "user", "content": "a", "id": "mine"}, {"role": "user", "content": "b"})
    assert [item["id"] for item in items] == ["mine", "message-1"]


def test_calls_and_their_outputs() -> None:
    given = [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "in_progress", "x": 1},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "5"}]},
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "raw"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": "ok"},
    ]
    assert [{key: value for key, value in item.items() if key not in ("id", "status")} for item in kept(*given)] == [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "5"}]},
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "raw"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": "ok"},
    ]


def test_items_of_unknown_types_are_ignored_with_one_note_each() -> None:
    given = [{"type": "web_search_call"}, {"type": "web_search_call"}, {"role": "user", "content": "a"}]
    items, notes = kept_input(given, lambda kind, index: "id")
    assert len(items) == 1
    assert notes == ["input: items of type web_search_call are ignored"]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("x", "input.0: expected an object, got 'x'"),
        ({}, "input.0.type is required"),
        ({"role": "bot", "content": "a"}, "input.0.role: expected one of 'user', 'assistant', 'system', 'developer', "),
        ({"role": "user"}, "input.0.content is required: a string or a list of parts"),
        ({"role": "user", "content": 5}, "input.0.content: expected a string or a list of parts, got 5"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input.0.content.0.text is required"),
        (
            {"role": "assistant", "content": [{"type": "input_image", "image_url": "data:"}]},
            "input.0.content.0.type: expected 'output_text', got 'input_image'",
        ),
        (
            {"role": "user", "content": [{"type": "input_video"}]},
            "input.0.content.0.type: expected 'input_text' or 'input_image' or 'input_audio', got 'input_video'",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]},
            "input.0.content.0.image_url: expected a string, got None; a file_id is not supported",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:", "detail": 5}]},
            "input.0.content.0.detail: expected one of 'auto', 'low', 'high', 'original', got 5",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
            "input.0.content.0.input_audio.data: expected base64, got {}",
        ),
        ({"type": "function_call", "name": "f"}, "input.0.call_id is required"),
        (
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": {}},
            "input.0.arguments: expected JSON text, got {}",
        ),
        ({"type": "function_call_output", "call_id": "c"}, "input.0.output is required: a string or a list of parts"),
        ({"type": "item_reference"}, "input.0.id is required"),
    ],
)
def test_what_is_wrong_is_named(item: Any, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        kept(item)
    assert caught.value.status == 400
    assert str(caught.value).startswith(message)
