"""Speech and pictures through OpenAI's own client."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import httpx
import openai
import pytest
from openai import OpenAI
from PIL import Image

from tests.support.recordings import JFK, JFK_WORDS, words_of
from tests.support.running_server import RunningServer


@pytest.fixture(scope="module")
def client(all_kinds: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{all_kinds.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def size_of(b64: str | None) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(b64 or ""))).size


def test_a_transcription(client: OpenAI) -> None:
    with JFK.open("rb") as recording:
        answer = client.audio.transcriptions.create(model="faster-whisper-tiny", file=recording)
    assert words_of(answer.text) == JFK_WORDS


def test_a_transcription_with_times(client: OpenAI) -> None:
    with JFK.open("rb") as recording:
        answer = client.audio.transcriptions.create(
            model="faster-whisper-tiny",
            file=recording,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert [word.word.strip(" ,.").lower() for word in answer.words or []] == JFK_WORDS
    assert answer.segments


def test_a_streamed_transcription(client: OpenAI) -> None:
    with JFK.open("rb") as recording:
        events = list(client.audio.transcriptions.create(model="faster-whisper-tiny", file=recording, stream=True))
    assert events[-1].type == "transcript.text.done"
    assert words_of(events[-1].text) == JFK_WORDS
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == events[-1].text


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # openai deprecates its translations
def test_a_translation(client: OpenAI) -> None:
    with JFK.open("rb") as recording:
        answer = client.audio.translations.create(model="faster-whisper-base", file=recording)
    assert words_of(answer.text) == JFK_WORDS


def test_a_recording_that_is_none(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.audio.transcriptions.create(model="faster-whisper-tiny", file=("notes.txt", b"not a recording"))
    assert refused.value.status_code == 415


def test_pictures(client: OpenAI) -> None:
    answer = client.images.generate(
        model="painter", prompt="a cat", n=2, size="64x64", response_format="b64_json", extra_body={"sample_steps": 1}
    )
    assert [size_of(image.b64_json) for image in answer.data or []] == [(64, 64)] * 2


def test_a_picture_by_its_address(client: OpenAI, all_kinds: RunningServer) -> None:
    answer = client.images.generate(
        model="painter", prompt="a cat", size="64x64", response_format="url", extra_body={"sample_steps": 1}
    )
    assert answer.data
    fetched = httpx.get(answer.data[0].url or "")
    assert Image.open(io.BytesIO(fetched.content)).size == (64, 64)


def test_a_streamed_picture(client: OpenAI) -> None:
    stream = client.images.generate(
        model="painter", prompt="a cat", size="64x64", stream=True, partial_images=1, extra_body={"sample_steps": 3}
    )
    events = list(stream)
    assert any(event.type == "image_generation.partial_image" for event in events)
    (done,) = [event for event in events if event.type == "image_generation.completed"]
    assert size_of(done.b64_json) == (64, 64)


def test_an_edited_picture(client: OpenAI) -> None:
    target = io.BytesIO()
    Image.new("RGB", (90, 70), (200, 30, 30)).save(target, "PNG")
    answer = client.images.edit(
        model="painter",
        image=("red.png", target.getvalue()),
        prompt="a cat",
        size="64x64",
        response_format="b64_json",
        extra_body={"sample_steps": 2},
    )
    assert [size_of(image.b64_json) for image in answer.data or []] == [(64, 64)]
