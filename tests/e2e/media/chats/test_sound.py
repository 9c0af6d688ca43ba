"""Recordings in chats. The small projector has random weights: what is heard means nothing, but it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from scripts.make_media.cache import made
from tests.support.media.asking import (
    CountedChats,
    Messages,
    asked,
    colour_file,
    heard,
    in_base64,
    said,
    shown,
)
from tests.support.media.waves import tone_file
from tests.support.recordings import JFK, encoded
from tests.support.running_server import RunningServer, running

PAIRS = ["ultravox", "smolvlm"]
MARKERS = 8
"""Behind a question: the tokens that begin an answer, and those that a step computes anew."""


@pytest.fixture(scope="module")
def hearing() -> Iterator[RunningServer]:
    """``ultravox`` hears, ``smolvlm`` sees too."""
    models = [str(made(name).model) for name in PAIRS]
    with running(*models, "--nctx", "2048", "--slots", "4") as ready:
        yield ready


@pytest.fixture(scope="module")
def counted(hearing: RunningServer) -> dict[str, CountedChats]:
    return {model: CountedChats(hearing, model) for model in PAIRS}


@pytest.fixture(params=PAIRS)
def chats(request: pytest.FixtureRequest, counted: dict[str, CountedChats]) -> CountedChats:
    return counted[request.param]


def question(recording: bytes, form: str = "wav") -> Messages:
    return asked(said("Listen:"), heard(recording, form), said("\nWhat was it?"), system="You hear well.")


def then(messages: Messages, answer: str) -> Messages:
    return [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": "Sure?"}]


def test_a_recording_is_heard_once(chats: CountedChats) -> None:
    before = chats.encoded()
    first = chats.ask(question(tone_file(440)))
    silent = chats.ask(asked(said("Listen:"), said("\nWhat was it?"), system="You hear well."))
    assert first.prompt_tokens > silent.prompt_tokens
    assert chats.encoded() == before + 1
    second = chats.ask(then(question(tone_file(440)), first.text))
    assert second.cached_tokens >= first.prompt_tokens - MARKERS
    chats.ask(asked(heard(tone_file(440)), system="Be brief."))
    assert chats.encoded() == before + 1


def test_another_recording_is_another_one(chats: CountedChats) -> None:
    first = chats.ask(question(tone_file(500)))
    before = chats.encoded()
    other = chats.ask(question(tone_file(900)))
    assert other.cached_tokens < first.prompt_tokens - MARKERS
    assert chats.encoded() == before + 1


def test_a_long_recording_is_computed_in_pieces(chats: CountedChats) -> None:
    before = chats.encoded()
    chats.ask(question(tone_file(440, 61)))
    assert chats.encoded() == before + 3  # of up to 30 s


@pytest.mark.parametrize(
    ("container", "codec"), [("flac", "flac"), ("mp3", "libmp3lame"), ("ogg", "libopus"), ("wav", "pcm_s16le")]
)
def test_all_formats_are_heard(
    hearing: RunningServer, counted: dict[str, CountedChats], container: str, codec: str
) -> None:
    data = encoded(JFK, container, codec, rate=48_000)
    messages: Any = question(data, container if container in ("wav", "mp3") else "wav")
    with OpenAI(base_url=f"{hearing.url}/v1", api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(model="ultravox", messages=messages, max_tokens=4)
    assert answer.usage is not None
    counted["ultravox"].note(answer.usage.prompt_tokens)
    assert answer.usage.prompt_tokens > 100


def test_the_form_of_responses(hearing: RunningServer, counted: dict[str, CountedChats]) -> None:
    parts = [
        {"type": "input_text", "text": "Listen:"},
        {"type": "input_audio", "input_audio": {"data": in_base64(tone_file(440)), "format": "wav"}},
        {"type": "input_text", "text": "\nWhat was it?"},
    ]
    given = [{"role": "system", "content": "You hear well."}, {"role": "user", "content": parts}]
    body = {"model": "smolvlm", "input": given, "max_output_tokens": 6, "temperature": 0}
    response = hearing.post("/v1/responses", body)
    counted["smolvlm"].note(response["usage"]["input_tokens"])
    expected = counted["smolvlm"].ask(question(tone_file(440)))
    assert response["usage"]["input_tokens"] == expected.prompt_tokens
    assert response["output"][0]["content"][0]["text"] == expected.text


def test_sounds_and_pictures_in_one_chat(counted: dict[str, CountedChats]) -> None:
    chats = counted["smolvlm"]
    before = chats.encoded()
    parts = [shown(colour_file("red")), heard(tone_file(700)), shown(colour_file("blue")), said("And?")]
    first = chats.ask(asked(*parts))
    assert chats.encoded() - before == 5 + 1 + 5
    assert chats.ask(then(asked(*parts), first.text)).cached_tokens >= first.prompt_tokens - MARKERS
    swapped = chats.ask(asked(*reversed(parts[:3]), parts[3]))
    assert swapped.cached_tokens < first.prompt_tokens // 2
    assert chats.encoded() - before == 5 + 1 + 5
