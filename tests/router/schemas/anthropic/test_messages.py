"""What chats in Anthropic's form become."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.anthropic.images import OMITTED_IMAGE
from router.schemas.anthropic.request import CountRequest
from router.schemas.anthropic.signatures import carried_by, carrying
from router.schemas.errors import ApiError
from router.schemas.media.given import GivenMedium

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Köln"}}
BILLING = "x-anthropic-billing-header: cc_version=2.1.197.123; cch=ab;"


def chat(*messages: Any, **fields: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """The messages of the job, and the notes."""
    turns = [{"role": role, "content": content} for role, content in messages]
    request = CountRequest.model_validate({"messages": turns, **fields})
    job = request.to_job()
    assert job.messages is not None
    return job.messages, list(request.notes)


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_blocks_and_neighbours_of_one_role_are_one_message() -> None:
    cached = {"cache_control": {"type": "ephemeral"}}
    messages, notes = chat(
        ("user", "Hi"),
        ("user", [text("a", **cached), text("b")]),
        ("assistant", "So?"),
        ("assistant", [text("And?")]),
        ("user", "Well"),
        system=[text("Be"), text("kind", **cached)],
    )
    assert messages == [
        {"role": "system", "content": "Be\nkind"},
        {"role": "user", "content": "Hi\na\nb"},
        {"role": "assistant", "content": "So?\nAnd?"},
        {"role": "user", "content": "Well"},
    ]
    assert notes == []


def test_results_of_tools_are_messages_of_their_own_before_the_users_words() -> None:
    messages, _ = chat(
        ("user", "Weather?"),
        ("assistant", [{"type": "thinking", "thinking": "Hm", "signature": "x"}, text("Let me see"), CALL]),
        (
            "user",
            [
                text("Quick!"),
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": [text("a"), text("b")], "is_error": True},
                {"type": "tool_result", "tool_use_id": "toolu_3"},
            ],
        ),
        ("user", "Well?"),
    )
    function = {"name": "weather", "arguments": '{"city": "Köln"}'}
    assert messages[1:] == [
        {
            "role": "assistant",
            "content": "Let me see",
            "reasoning_content": "Hm",
            "tool_calls": [{"id": "toolu_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "Error: a\nb"},
        {"role": "tool", "tool_call_id": "toolu_3", "content": ""},
        {"role": "user", "content": "Quick!\nWell?"},
    ]


def test_a_failure_is_called_one_once() -> None:
    given = {"type": "tool_result", "tool_use_id": "1", "content": "Error: no such file", "is_error": True}
    assert chat(("user", [given]))[0][0]["content"] == "Error: no such file"


@pytest.mark.parametrize("system", [f"{BILLING}\nBe kind", [text(BILLING), text("Be kind")]])
def test_the_line_of_claude_code_that_changes_is_left_out(system: Any) -> None:
    assert chat(("user", "Hi"), system=system)[0][0] == {"role": "system", "content": "Be kind"}


def test_a_system_of_that_line_alone_is_none() -> None:
    assert chat(("user", "Hi"), system=BILLING)[0] == [{"role": "user", "content": "Hi"}]


def test_a_system_message_stays_where_it_is() -> None:
    assert [message["role"] for message in chat(("user", "Hi"), ("system", "Now be kind"))[0]] == ["user", "system"]


def test_what_the_server_does_not_know_is_ignored_with_one_note_for_each_type() -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    unknown = {"context_management": {"edits": []}, "cache_control": {}, "betas": ["x"]}
    messages, notes = chat(
        ("user", "Hi"),
        ("assistant", [search, search, {"type": "redacted_thinking", "data": "x"}]),
        ("user", [{"type": "container_upload", "file_id": "f"}]),
        mcp_servers=[{"type": "url"}],
        container="c",
        **unknown,
    )
    assert messages == [{"role": "user", "content": "Hi"}]
    assert notes == [
        "mcp_servers is ignored",
        "container is ignored",
        "messages: content blocks of type 'server_tool_use' are ignored",
        "messages: content blocks of type 'container_upload' are ignored",
    ]


@pytest.mark.parametrize(
    "source", [{"type": "text", "media_type": "text/plain", "data": "Once"}, {"type": "content", "content": "Once"}]
)
def test_a_documents_text_is_read(source: Any) -> None:
    messages, _ = chat(("user", [{"type": "document", "source": source, "title": "Tale"}, text("Sum it up")]))
    expected = "<document>\n<title>Tale</title>\n<content>\nOnce\n</content>\n</document>\nSum it up"
    assert messages[0]["content"] == expected


@pytest.mark.parametrize(("is_error", "said"), [(False, "see"), (True, "Error: see")])
def test_pictures_in_results_may_be_left_out_so_that_an_agent_can_go_on(is_error: bool, said: str) -> None:
    result = {"type": "tool_result", "tool_use_id": "1", "content": [text("see"), IMAGE], "is_error": is_error}
    messages, _ = chat(("user", [result, IMAGE]))
    seen, picture = messages[0]["content"]
    assert seen == said
    assert isinstance(picture, GivenMedium)
    assert (picture.field, picture.stand_in) == ("messages.0.content.0.content.1", OMITTED_IMAGE)
    (own,) = messages[1]["content"]
    assert (own.field, own.stand_in, own.source) == ("messages.0.content.1", "", "iVBO")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [{"type": "image", "source": {"type": "file", "file_id": "1"}}],
            "messages.0.content.0.source: expected an object of type 'base64' with data, or 'url' with a url, "
            "got 'file'",
        ),
        (
            [{"type": "document", "source": {"type": "content", "content": [IMAGE]}}],
            "messages.0.content.0.source.content.0: expected text, got an image; messages and results may have them",
        ),
        (
            [{"type": "document", "source": {"type": "base64", "data": "x"}}],
            "messages.0.content.0.source.type: expected 'text' or 'content', since other documents cannot be read, "
            "got 'base64'",
        ),
        ([{"type": "text"}], "messages.0.content.0.text is required"),
        ([{"type": "text", "text": 3}], "messages.0.content.0.text: expected a string, got 3"),
        ([{"type": "tool_result"}], "messages.0.content.0.tool_use_id is required"),
        (
            [{"type": "tool_result", "tool_use_id": "1", "content": ["x"]}],
            'messages.0.content.0.content: expected content blocks, such as {"type": "text", "text": ...}, got \'x\' '
            "as block 0",
        ),
        ([], "messages: expected at least one message with something that can be read, got none"),
    ],
)
def test_what_cannot_be_read_is_refused(content: Any, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        chat(("user", content))
    assert (refused.value.status, str(refused.value)) == (400, message)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"type": "tool_use"}, "messages.0.content.0.name is required"),
        ({"type": "tool_use", "name": "a", "input": []}, "messages.0.content.0.input: expected an object, got []"),
    ],
)
def test_a_wrong_call_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        chat(("assistant", [call]), ("user", "x"))
    assert str(refused.value) == message


def test_a_thought_that_was_not_shown_comes_back_in_its_signature() -> None:
    hidden = {"type": "thinking", "thinking": "", "signature": carrying("Hm, ü")}
    messages, _ = chat(("user", "Hi"), ("assistant", [hidden, text("So")]), ("user", "x"))
    assert messages[1] == {"role": "assistant", "content": "So", "reasoning_content": "Hm, ü"}


@pytest.mark.parametrize("signature", ["", "EqQBCg==", "nexa", "nexa.%", "nexa.gA=="])
def test_other_signatures_carry_nothing(signature: str) -> None:
    assert carried_by(signature) == ""
