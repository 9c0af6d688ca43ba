"""Pictures and recordings in OpenAI's chats, from requests to jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.wire.jobs import MediaKind, TextJob, TokenizeJob
from shared.wire.payloads import Done, Failed, FinishReason, Started, Tokenized
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import post
from tests.support.router.fake_broker import FakeBroker, Script

PATH = "/v1/chat/completions"
WHITE, BLACK = png(255), png(0)
SOUND = b"RIFF....WAVE"
LOOK = {"type": "text", "text": "Look"}


def picture(data: bytes = WHITE) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{in_base64(data)}"}}


def recording(data: bytes = SOUND) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": in_base64(data), "format": "wav"}}


def seeing(*media: MediaKind, **settings: Any) -> FakeBroker:
    broker = FakeBroker(media=media or ("image", "audio"))
    broker.settings = broker.settings.model_copy(update=settings)
    return broker


def chat(*parts: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(parts)}], **fields}


def sent(broker: FakeBroker, body: dict[str, Any]) -> tuple[list[dict[str, Any]], tuple[Any, ...]]:
    """The messages and the files of the only job."""
    response = post(broker, PATH, body)
    assert response.status_code == 200, response.text
    request = broker.jobs[-1].request
    assert isinstance(request.work, TextJob)
    return request.work.messages or [], request.blobs


def refused(broker: FakeBroker, body: dict[str, Any]) -> tuple[int, str, str | None, str | None]:
    response = post(broker, PATH, body)
    error = response.json()["error"]
    assert not broker.jobs
    return response.status_code, error["message"], error["param"], error["code"]


@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_parts_keep_their_order(role: str) -> None:
    messages, blobs = sent(seeing(), chat(LOOK, picture(), LOOK, LOOK, recording(), role=role))
    assert messages[0]["content"] == [
        LOOK,
        {"type": "image", "blob": 0},
        {"type": "text", "text": "Look\nLook"},
        {"type": "audio", "blob": 1},
    ]
    assert blobs == (WHITE, SOUND)


def test_the_same_content_is_sent_once() -> None:
    body = chat(picture(), picture(BLACK), {"type": "image_url", "image_url": in_base64(WHITE)}, recording())
    messages, blobs = sent(seeing(), body)
    assert [part["blob"] for part in messages[0]["content"]] == [0, 1, 0, 2]
    assert blobs == (WHITE, BLACK, SOUND)


def test_all_choices_have_the_same_files() -> None:
    broker = seeing()
    assert post(broker, PATH, chat(LOOK, picture(), n=2)).status_code == 200
    first, second = (job.request for job in broker.jobs)
    assert first.blobs == second.blobs == (WHITE,)
    assert first.packed is second.packed


def test_pictures_come_from_the_media_folder(tmp_path: Path) -> None:
    (tmp_path / "white.png").write_bytes(WHITE)
    broker = seeing(media_folder=str(tmp_path))
    assert sent(broker, chat({"type": "image_url", "image_url": {"url": "white.png"}}))[1] == (WHITE,)


def test_recordings_come_from_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(SOUND)
    part = {"type": "input_audio", "input_audio": {"data": "a.wav"}}
    status, message, param, _ = refused(seeing(media_folder=str(tmp_path)), chat(part))
    assert (status, param) == (400, "messages.0.content.0")
    assert message.startswith("messages.0.content.0: expected base64 with its padding, got 'a.wav'")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (picture(), "expected text, since smol sees no pictures, got one"),
        (recording(), "expected text, since smol hears no recordings, got one"),
    ],
)
def test_a_model_of_text_takes_no_media(part: dict[str, Any], message: str) -> None:
    broker = FakeBroker()
    field = "messages.0.content.1"
    assert refused(broker, chat(LOOK, part)) == (400, f"{field}: {message}", field, "media_not_supported")
    assert sent(broker, chat(LOOK, LOOK))[0][0]["content"] == "Look\nLook"


def test_a_model_that_only_sees_takes_no_recording() -> None:
    broker = seeing("image")
    assert refused(broker, chat(picture(), recording()))[2:] == ("messages.0.content.1", "media_not_supported")


@pytest.mark.parametrize(
    ("parts", "status", "message"),
    [
        ([LOOK, *[picture()] * 17], 400, "17: expected at most 16 pictures and recordings in a chat, got 17"),
        ([picture(png(side=6000))], 400, "0: expected at most 33000000 pixels, got 6000 x 6000"),
        ([{"type": "image_url", "image_url": "ftp://a/b"}], 400, "0: expected an http or https URL, a data URL"),
        ([picture(b"")], 415, "0: expected a picture, got no data"),
        ([{"type": "image_url", "image_url": "https://10.0.0.1/a.png"}], 400, "0: expected a URL of an allowed host"),
        ([picture(bytes(2000))], 413, "0: expected at most 1000 bytes, got 2000"),
    ],
)
def test_refusals_name_the_part(parts: list[Any], status: int, message: str) -> None:
    field = "messages.0.content."
    limit = 100_000 if "pixels" in message else 1000
    got = refused(seeing(max_upload_bytes=limit), chat(*parts))
    assert got[0] == status
    assert got[1].startswith(field + message)
    assert got[2] == field + message.partition(":")[0]


def test_a_strip_is_refused() -> None:
    wide = bytearray(WHITE)
    wide[16:24] = (5100).to_bytes(4, "big") + (100).to_bytes(4, "big")
    status, message, *_ = refused(seeing(), chat(picture(bytes(wide))))
    assert (status, message) == (
        400,
        "messages.0.content.0: expected a side of at most 50 times the other, got 5100 x 100",
    )


def test_pictures_are_no_text() -> None:
    broker = seeing(max_text_bytes=100)
    assert sent(broker, chat(picture(bytes(1000)), recording(bytes(3000))))[1] == (bytes(1000), bytes(3000))
    hidden = {"messages": [{"role": "user", "content": "a", "name": picture(bytes(1000))["image_url"]["url"]}]}
    assert post(broker, PATH, hidden).status_code == 413


def test_tokens_of_a_chat_with_a_picture_are_counted() -> None:
    script: Script = [Started(9, 0), Tokenized(9, 2048, [1]), Done(FinishReason.STOP, 9, 0, 0, 0.1)]
    broker = FakeBroker(media=("image",), script=script)
    response = post(broker, "/tokenize", chat(LOOK, picture()))
    assert (response.status_code, response.json()["count"]) == (200, 9)
    request = broker.jobs[0].request
    assert isinstance(request.work, TokenizeJob)
    assert request.work.text.messages == [{"role": "user", "content": [LOOK, {"type": "image", "blob": 0}]}]
    assert request.blobs == (WHITE,)


def test_a_log_of_prompts_has_no_files() -> None:
    broker = seeing(log_prompts=True)
    messages, _ = sent(broker, chat(LOOK, picture()))
    assert messages[0]["content"][1] == {"type": "image", "blob": 0}


def test_a_workers_refusal_names_the_part_in_the_request() -> None:
    told = "messages.0.content.1"  # where it is for the worker: the two texts before it are one there
    broker = FakeBroker(media=("image",), script=[Failed(400, f"{told}: expected a picture", told, "invalid_media")])
    streamed: dict[str, Any] = {"stream": True}
    for path, fields in ((PATH, {}), (PATH, streamed), ("/tokenize", {})):
        response = post(broker, path, chat(LOOK, LOOK, picture(), **fields))
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["message"] == "messages.0.content.2: expected a picture"
        assert (error["param"], error["code"]) == ("messages.0.content.2", "invalid_media")
