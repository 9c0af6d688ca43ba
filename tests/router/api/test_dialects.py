"""One conversation in the words of four APIs is one job."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from router.jobs.job import JobRequest
from shared.wire.jobs import TextJob
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import post
from tests.support.router.fake_broker import FakeBroker, words

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "look_up", "description": "Looks it up", "parameters": PARAMETERS}
USUAL = {"temperature": 0.5, "top_p": 0.9}
SYSTEM, ASKED, THANKS = (
    {"role": r, "content": c} for r, c in (("system", "Brief."), ("user", "Rain?"), ("user", "Ta"))
)
SKY, MAP = (in_base64(png(grey)) for grey in (200, 90))
SAID, MUSED, FOUND = "I look it up.", "They want rain.", "dry"
ID, ARGUMENTS, TEXT_OF_ARGUMENTS = "call00001", {"city": "Oslo"}, '{"city": "Oslo"}'
CALLED = {"name": "look_up", "arguments": TEXT_OF_ARGUMENTS}

CHAT: dict[str, Any] = {
    "messages": [
        SYSTEM,
        ASKED,
        {
            "role": "assistant",
            "content": SAID,
            "reasoning_content": MUSED,
            "tool_calls": [{"id": ID, "type": "function", "function": CALLED}],
        },
        {"role": "tool", "tool_call_id": ID, "content": FOUND},
        THANKS,
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "max_tokens": 100,
    "stop": ["END"],
    "reasoning_effort": "high",
    **USUAL,
}
RESPONSES: dict[str, Any] = {
    "instructions": SYSTEM["content"],
    "input": [
        ASKED,
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": MUSED}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": SAID}]},
        {"type": "function_call", "call_id": ID, **CALLED},
        {"type": "function_call_output", "call_id": ID, "output": FOUND},
        THANKS,
    ],
    "tools": [{"type": "function", "strict": False, **FUNCTION}],
    "max_output_tokens": 100,
    "stop": ["END"],
    "reasoning": {"effort": "high"},
    **USUAL,
}
MESSAGES: dict[str, Any] = {
    "system": SYSTEM["content"],
    "messages": [
        ASKED,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": MUSED, "signature": ""},
                {"type": "text", "text": SAID},
                {"type": "tool_use", "id": ID, "name": "look_up", "input": ARGUMENTS},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": ID, "content": FOUND},
                {"type": "text", "text": THANKS["content"]},
            ],
        },
    ],
    "tools": [{"name": "look_up", "description": FUNCTION["description"], "input_schema": PARAMETERS}],
    "max_tokens": 100,
    "stop_sequences": ["END"],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    **USUAL,
}
OLLAMA: dict[str, Any] = {
    "messages": [
        SYSTEM,
        ASKED,
        {
            "role": "assistant",
            "content": SAID,
            "thinking": MUSED,
            "tool_calls": [{"id": ID, "function": {"name": "look_up", "arguments": ARGUMENTS}}],
        },
        {"role": "tool", "tool_call_id": ID, "content": FOUND},
        THANKS,
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "options": {"num_predict": 100, "stop": ["END"], "top_k": 50, **USUAL},
    "think": "high",
    "stream": False,
}
DIALECTS = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/api/chat": OLLAMA,
}


LOOK = {"type": "text", "text": "Look"}


def in_url(picture: str) -> str:
    return f"data:image/png;base64,{picture}"


def image_url(picture: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": in_url(picture)}}


def input_image(picture: str) -> dict[str, Any]:
    return {"type": "input_image", "image_url": in_url(picture)}


def image(picture: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}}


SEEING = {
    "/v1/chat/completions": {
        **CHAT,
        "messages": [
            SYSTEM,
            {"role": "user", "content": [image_url(SKY), image_url(MAP), LOOK]},
            CHAT["messages"][2],
            {"role": "tool", "tool_call_id": ID, "content": [image_url(MAP), {"type": "text", "text": FOUND}]},
            {"role": "user", "content": [image_url(SKY)]},
        ],
    },
    "/v1/responses": {
        **RESPONSES,
        "input": [
            {"role": "user", "content": [input_image(SKY), input_image(MAP), {"type": "input_text", "text": "Look"}]},
            *RESPONSES["input"][1:4],
            {
                "type": "function_call_output",
                "call_id": ID,
                "output": [input_image(MAP), {"type": "input_text", "text": FOUND}],
            },
            {"role": "user", "content": [input_image(SKY)]},
        ],
    },
    "/v1/messages": {
        **MESSAGES,
        "messages": [
            {"role": "user", "content": [image(SKY), image(MAP), LOOK]},
            MESSAGES["messages"][1],
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": ID,
                        "content": [image(MAP), {"type": "text", "text": FOUND}],
                    },
                    image(SKY),
                ],
            },
        ],
    },
    "/api/chat": {
        **OLLAMA,
        "messages": [
            SYSTEM,
            {"role": "user", "content": "Look", "images": [SKY, MAP]},
            OLLAMA["messages"][2],
            {"role": "tool", "tool_call_id": ID, "content": FOUND, "images": [MAP]},
            {"role": "user", "content": "", "images": [SKY]},
        ],
    },
}


def request_of(path: str, body: dict[str, Any]) -> JobRequest:
    """What a worker gets."""
    broker = FakeBroker(script=words("Well"), media=("image",))
    response = post(broker, path, {"model": "smol", **body})
    assert response.status_code == 200, response.text
    (job,) = broker.jobs
    return job.request


def job_of(path: str, body: dict[str, Any]) -> TextJob:
    """The job of a request, without its random seed and what only one API says.

    Anthropic's asks the template to think, which is the template's default in the others. Ollama's names the function
    of a result, which the others know by its id.
    """
    work = request_of(path, body).work
    assert isinstance(work, TextJob)
    messages = [{**m, "name": None} if m["role"] == "tool" else m for m in work.messages or []]
    return replace(work, messages=messages, sampling=replace(work.sampling, seed=0), template_options={})


@pytest.mark.parametrize("path", DIALECTS)
def test_a_conversation_is_the_same_job_in_each_dialect(path: str) -> None:
    assert job_of(path, DIALECTS[path]) == job_of("/v1/chat/completions", CHAT)


@pytest.mark.parametrize("path", DIALECTS)
def test_a_chat_with_pictures_is_the_same_job_in_each_dialect(path: str) -> None:
    assert job_of(path, SEEING[path]) == job_of("/v1/chat/completions", SEEING["/v1/chat/completions"])
    assert request_of(path, SEEING[path]).blobs == (png(200), png(90))


def test_the_job_has_the_pictures_in_their_places() -> None:
    messages = job_of("/api/chat", SEEING["/api/chat"]).messages
    assert messages is not None
    sky, plan = ({"type": "image", "blob": blob} for blob in (0, 1))
    assert [message["content"] for message in messages if isinstance(message["content"], list)] == [
        [sky, plan, LOOK],
        [plan, {"type": "text", "text": FOUND}],
        [sky],
    ]


def test_the_job_has_the_conversation() -> None:
    job = job_of("/v1/chat/completions", CHAT)
    assert job.messages is not None
    *_, answer, result, thanks = job.messages
    assert (job.messages[0], job.messages[1], thanks) == (SYSTEM, ASKED, THANKS)
    assert (answer["content"], answer["reasoning_content"]) == (SAID, MUSED)
    assert answer["tool_calls"] == [{"id": ID, "type": "function", "function": CALLED}]
    assert (result["tool_call_id"], result["content"]) == (ID, FOUND)
    assert (job.max_tokens, job.stop, job.sampling.top_k) == (100, ["END"], 50)
