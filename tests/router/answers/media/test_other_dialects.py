"""Pictures in chats of the other APIs: what is particular to each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.schemas.anthropic.images import OMITTED_IMAGE
from shared.wire.jobs import TextJob, TokenizeJob
from shared.wire.payloads import Done, FinishReason, Started, Tokenized
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import post
from tests.support.router.fake_broker import FakeBroker, Script

WHITE = png(255)
URL = f"data:image/png;base64,{in_base64(WHITE)}"
SOURCE = {"type": "base64", "media_type": "image/png", "data": in_base64(WHITE)}
IMAGE = {"type": "image", "source": SOURCE}
RESULT = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "see"}, IMAGE]}
PART = {"type": "image", "blob": 0}
COUNTED: Script = [Started(9, 0), Tokenized(9, 2048), Done(FinishReason.STOP, 9, 0, 0, 0.1)]


def claude(*blocks: Any) -> dict[str, Any]:
    return {"max_tokens": 5, "messages": [{"role": "user", "content": list(blocks)}]}


def seen(broker: FakeBroker) -> tuple[list[Any], tuple[Any, ...]]:
    """The contents of the last job's messages, and its files."""
    request = broker.jobs[-1].request
    work = request.work.text if isinstance(request.work, TokenizeJob) else request.work
    assert isinstance(work, TextJob)
    return [message["content"] for message in work.messages or []], request.blobs


def test_a_result_without_its_pictures_reaches_a_model_that_sees_none() -> None:
    broker = FakeBroker()
    response = post(broker, "/v1/messages", claude(RESULT))
    assert response.headers["X-Nexa-Warning"] == (
        "messages: pictures in results of tools are left out, since smol sees none"
    )
    assert seen(broker) == ([f"see\n{OMITTED_IMAGE}"], ())


def test_other_pictures_are_refused_for_it() -> None:
    response = post(FakeBroker(), "/v1/messages", claude(RESULT, IMAGE))
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("messages.0.content.1: expected text, since smol sees no")


def test_a_result_with_its_pictures_reaches_a_model_that_sees() -> None:
    broker = FakeBroker(media=("image",))
    assert post(broker, "/v1/messages", claude(RESULT, IMAGE)).status_code == 200
    assert seen(broker) == ([[{"type": "text", "text": "see"}, PART], [PART]], (WHITE,))


def test_claudes_pictures_may_have_urls_of_allowed_hosts() -> None:
    block = {"type": "image", "source": {"type": "url", "url": "https://10.1.2.3/a.png"}}
    response = post(FakeBroker(media=("image",)), "/v1/messages", claude(block))
    assert response.status_code == 400
    assert "expected a URL of an allowed host, got the host 10.1.2.3" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages/count_tokens", claude(IMAGE)),
        (
            "/v1/responses/input_tokens",
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": URL}]}]},
        ),
    ],
)
def test_tokens_are_counted_with_the_pictures(path: str, body: dict[str, Any]) -> None:
    broker = FakeBroker(media=("image",), script=COUNTED)
    response = post(broker, path, body)
    assert (response.status_code, response.json()["input_tokens"]) == (200, 9)
    assert seen(broker) == ([[PART]], (WHITE,))


def test_a_base64_field_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(WHITE)
    broker = FakeBroker(media=("image",))
    broker.settings = broker.settings.model_copy(update={"media_folder": str(tmp_path)})
    for path, body in (
        ("/v1/messages", claude({**IMAGE, "source": {**SOURCE, "data": "a.png"}})),
        ("/api/chat", {"messages": [{"role": "user", "content": "", "images": ["a.png"]}]}),
    ):
        response = post(broker, path, body)
        assert response.status_code == 400
        assert "expected base64 with its padding, got 'a.png'" in response.text


def test_ollamas_prompts_may_have_pictures() -> None:
    broker = FakeBroker(media=("image",))
    body = {"model": "smol", "prompt": "What is it?", "images": [in_base64(WHITE)], "stream": False}
    response = post(broker, "/api/generate", body)
    assert response.status_code == 200
    assert "context" not in response.json()
    assert seen(broker) == ([[PART, {"type": "text", "text": "What is it?"}]], (WHITE,))


def test_refusals_of_responses_name_the_part_in_the_request() -> None:
    ignored = {"type": "web_search_call", "id": "ws_1"}
    item = {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": URL}]}
    response = post(FakeBroker(), "/v1/responses", {"input": [ignored, item]})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == ("input.1.content.1", "media_not_supported")
