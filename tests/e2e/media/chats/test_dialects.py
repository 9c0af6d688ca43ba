"""Pictures in the forms of the other APIs are what they are in OpenAI's: the same chat has the same answer."""

from __future__ import annotations

from collections.abc import Iterator
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
    colour_file,
    data_url,
    in_base64,
    named,
    names_of,
    noise_file,
    said,
    shown,
)
from tests.support.media.contents import COLOURS
from tests.support.running_server import RunningServer

MODEL = "smolvlm"
TOKENS = 6


@pytest.fixture(scope="module")
def client(seeing: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{seeing.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def in_openais_form(server: RunningServer, messages: Messages) -> str:
    body = {"model": MODEL, "messages": messages, "max_tokens": TOKENS, "temperature": 0}
    text: str = server.post(PATH, body)["choices"][0]["message"]["content"]
    return text


def between_texts(server: RunningServer, picture: bytes) -> str:
    return in_openais_form(server, asked(said(BEFORE), shown(picture), said(AFTER)))


def before_text(server: RunningServer, picture: bytes) -> str:
    return in_openais_form(server, asked(shown(picture), said("Name the colour.")))


def claude(picture: bytes) -> dict[str, Any]:
    """The block that is a picture."""
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": in_base64(picture)}}


def test_anthropics_form(seeing: RunningServer, colour: str) -> None:
    picture = colour_file(colour)
    content = [said(BEFORE), claude(picture), said(AFTER)]
    body = {"model": MODEL, "system": SYSTEM, "messages": [{"role": "user", "content": content}]}
    message = seeing.post("/v1/messages", {**body, "max_tokens": TOKENS, "temperature": 0})
    text = message["content"][0]["text"]
    assert text == between_texts(seeing, picture)
    assert names_of(text) == [colour]
    counted = seeing.post("/v1/messages/count_tokens", body)["input_tokens"]
    usage = message["usage"]
    assert counted == usage["input_tokens"] + usage["cache_read_input_tokens"]


def test_a_picture_in_the_result_of_a_claude_tool(seeing: RunningServer) -> None:
    def tokens(*blocks: dict[str, Any]) -> int:
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [said("See:"), *blocks]}
        messages = [
            {"role": "user", "content": "Look at it."},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
            {"role": "user", "content": [result]},
        ]
        return int(seeing.post("/v1/messages/count_tokens", {"model": MODEL, "messages": messages})["input_tokens"])

    assert tokens(claude(colour_file("red"))) >= tokens() + 5 * 4  # an overview and 2 x 2 tiles, with 4 each


def test_the_form_of_responses(seeing: RunningServer, client: OpenAI, colour: str) -> None:
    picture = colour_file(colour)
    given: Any = [
        {"role": "system", "content": SYSTEM},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": BEFORE},
                {"type": "input_image", "image_url": data_url(picture), "detail": "auto"},
                {"type": "input_text", "text": AFTER},
            ],
        },
    ]
    response = client.responses.create(model=MODEL, input=given, max_output_tokens=TOKENS, temperature=0)
    assert response.output_text == between_texts(seeing, picture)
    assert names_of(response.output_text) == [colour]


def test_a_stored_response_goes_on_with_its_picture(client: OpenAI) -> None:
    part: Any = {"type": "input_image", "image_url": data_url(noise_file(1)), "detail": "low"}
    content: Any = [{"type": "input_text", "text": BEFORE}, part]
    given: Any = [{"role": "user", "content": content}]
    first = client.responses.create(model=MODEL, input=given, max_output_tokens=TOKENS, temperature=0)
    second = client.responses.create(
        model=MODEL, previous_response_id=first.id, input="Sure?", max_output_tokens=TOKENS, temperature=0
    )
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    assert second.usage.input_tokens_details.cached_tokens >= first.usage.input_tokens - 8


def test_ollamas_forms(seeing: RunningServer, colour: str) -> None:
    picture = colour_file(colour)
    options = {"temperature": 0, "num_predict": TOKENS}
    body = {"model": MODEL, "stream": False, "options": options}
    question = {"role": "user", "content": "Name the colour.", "images": [in_base64(picture)]}
    chat = seeing.post("/api/chat", {**body, "messages": [{"role": "system", "content": SYSTEM}, question]})
    generated = seeing.post(
        "/api/generate", {**body, "system": SYSTEM, "prompt": "Name the colour.", "images": [in_base64(picture)]}
    )
    expected = before_text(seeing, picture)
    assert chat["message"]["content"] == generated["response"] == expected
    assert named(seeing, MODEL, asked(shown(picture), said("Name the colour."))) == colour
    assert chat["prompt_eval_count"] == generated["prompt_eval_count"]


def test_ollama_says_which_models_see(seeing: RunningServer) -> None:
    told = {name: seeing.post("/api/show", {"model": name})["capabilities"] for name in (MODEL, "smollm2")}
    assert "vision" in told[MODEL]
    assert "vision" not in told["smollm2"]
