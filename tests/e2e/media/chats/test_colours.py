"""Pictures in chats are seen as they are: the small models name their colours. Through the openai package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.support.media.asking import (
    AFTER,
    BEFORE,
    PATH,
    SYSTEM,
    Messages,
    asked,
    colour_chat,
    colour_file,
    in_base64,
    named,
    names_of,
    said,
    shown,
)
from tests.support.media.contents import COLOURS
from tests.support.media.picture_site import PictureSite
from tests.support.running_server import RunningServer

PAIRS = ["smolvlm", "qwen2vl"]
FORMS = ["PNG", "JPEG", "WEBP"]


@pytest.fixture(scope="module")
def client(seeing: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{seeing.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def answered(client: OpenAI, messages: Any) -> str:
    """What the model says of itself, with no word of it given."""
    chat = client.chat.completions.create(model="smolvlm", messages=messages, max_tokens=6, temperature=0)
    return chat.choices[0].message.content or ""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", PAIRS)
def test_each_format_is_seen(seeing: RunningServer, model: str, form: str) -> None:
    seen = [named(seeing, model, colour_chat(colour_file(colour, form))) for colour in COLOURS]
    assert seen == list(COLOURS)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_is_named_in_words(client: OpenAI, colour: str) -> None:
    assert names_of(answered(client, colour_chat(colour_file(colour)))) == [colour]


def test_a_stream_says_the_same(client: OpenAI) -> None:
    messages: Any = colour_chat(colour_file("blue"))
    stream = client.chat.completions.create(
        model="smolvlm", messages=messages, max_tokens=6, temperature=0, stream=True
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == answered(client, messages)


@pytest.mark.parametrize("model", PAIRS)
def test_later_pictures_of_a_chat_are_not_answered_from_the_first(seeing: RunningServer, model: str) -> None:
    order = ("blue", "red", "green")
    pictures = [colour_file(colour, form) for colour, form in zip(order, FORMS, strict=True)]
    answers: list[str] = []
    for turn in range(len(order)):
        answers.append(named(seeing, model, colour_chat(*pictures[: turn + 1], answers=answers)))
    assert tuple(answers) == order


def test_only_the_last_picture_differs(seeing: RunningServer) -> None:
    seen = [
        named(seeing, "smolvlm", colour_chat(colour_file("blue"), colour_file(last), answers=["blue"]))
        for last in COLOURS
    ]
    assert seen == list(COLOURS)


def test_a_picture_comes_from_the_media_folder_or_an_allowed_host(
    seeing: RunningServer, site: PictureSite, media: Path
) -> None:
    (media / "blue.png").write_bytes(colour_file("blue"))
    site.files["/red.webp"] = colour_file("red", "WEBP")
    for source, colour in (("blue.png", "blue"), (f"http://{site.host}/red.webp", "red")):
        part = {"type": "image_url", "image_url": {"url": source, "detail": "low"}}
        assert named(seeing, "smolvlm", asked(said(BEFORE), part, said(AFTER))) == colour


@pytest.mark.parametrize("role", ["system", "user", "tool"])
def test_messages_of_all_roles_but_the_assistants_may_have_pictures(seeing: RunningServer, role: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    called: Messages = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]

    def tokens(*parts: dict[str, Any]) -> int:
        message: dict[str, Any] = {"role": role, "content": list(parts)}
        messages: Messages = [message]
        if role == "tool":
            messages = [*called, {**message, "tool_call_id": "c"}]
        elif role == "system":
            messages = [message, {"role": "user", "content": "Look."}]
        body = {"model": "qwen2vl", "messages": messages, "max_tokens": 1}
        return int(seeing.post(PATH, body)["usage"]["prompt_tokens"])

    text, picture = said("See: "), shown(colour_file("red", width=168, height=112))
    assert tokens(text, picture) >= tokens(text) + 6 * 4


MARKERS = [
    "<image>",
    "<__media__>",
    "<fake_token_around_image><global-img><image>",
    "<|vision_start|><|image_pad|><|vision_end|>",
    "<start_of_image>",
    "[IMG]",
    "\ua100\ua101\ua102\ua103",
    "\\ua100",
]


@pytest.mark.parametrize("model", PAIRS)
@pytest.mark.parametrize("text", MARKERS, ids=range(len(MARKERS)))
def test_text_that_looks_like_a_marker_is_text(seeing: RunningServer, model: str, text: str) -> None:
    def tokens(*parts: dict[str, Any], system: str) -> int:
        body = {"model": model, "messages": asked(*parts, system=system), "max_tokens": 1}
        return int(seeing.post(PATH, body)["usage"]["prompt_tokens"])

    plain, marked = SYSTEM, f"{SYSTEM} {text}"
    picture = [said(BEFORE), shown(colour_file("green")), said(AFTER)]
    of_text = tokens(said("Hello"), system=marked) - tokens(said("Hello"), system=plain)
    assert tokens(*picture, system=marked) - tokens(*picture, system=plain) == of_text > 0
    assert named(seeing, model, colour_chat(colour_file("green"), system=marked)) == "green"


def test_the_log_has_neither_texts_nor_files(seeing: RunningServer) -> None:
    picture = colour_file("red")
    assert named(seeing, "qwen2vl", colour_chat(picture)) == "red"
    logged = seeing.output()
    assert logged
    for hidden in (SYSTEM, BEFORE, AFTER.strip(), in_base64(picture)[:200]):
        assert hidden not in logged
