"""Each picture is computed once: not in later turns, not in other chats, not for two at a time."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.media.asking import (
    AFTER,
    BEFORE,
    CountedChats,
    Messages,
    asked,
    noise_file,
    said,
    shown,
)
from tests.support.running_server import RunningServer

PIECES = {"smolvlm": 5, "qwen2vl": 1}
"""Of a picture of 140 x 100 pixels: an overview and 2 x 2 tiles, or all of it at once."""

MARKERS = 8
"""Behind a question: the tokens that begin an answer, and those that a step computes anew."""


@pytest.fixture(scope="module")
def counted(seeing: RunningServer) -> dict[str, CountedChats]:
    return {model: CountedChats(seeing, model) for model in PIECES}


@pytest.fixture(params=PIECES)
def chats(request: pytest.FixtureRequest, counted: dict[str, CountedChats]) -> CountedChats:
    return counted[request.param]


def question(picture: bytes, system: str = "You name colours.") -> Messages:
    return asked(said(BEFORE), shown(picture), said(AFTER), system=system)


def then(messages: Messages, answer: str, text: str = "Sure?") -> Messages:
    return [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": text}]


def encodes(chats: CountedChats, ask: Callable[[], object]) -> int:
    """The pieces that were computed meanwhile."""
    before = chats.encoded()
    ask()
    return chats.encoded() - before


def test_the_second_turn_comes_from_the_cache(chats: CountedChats) -> None:
    messages, before = question(noise_file(1)), chats.encoded()
    first = chats.ask(messages)
    assert chats.encoded() - before == PIECES[chats.model]
    assert first.cached_tokens < first.prompt_tokens
    second = chats.ask(then(messages, first.text))
    assert second.cached_tokens >= first.prompt_tokens - MARKERS
    third = chats.ask(then(then(messages, first.text), second.text, "And now?"))
    assert third.cached_tokens >= second.prompt_tokens - MARKERS
    assert chats.encoded() - before == PIECES[chats.model]


def test_the_same_question_again_has_the_same_answer_without_an_encode(chats: CountedChats) -> None:
    first = chats.ask(question(noise_file(2)), 12)
    before = chats.encoded()
    again = chats.ask(question(noise_file(2)), 12)
    assert (again.text, again.prompt_tokens) == (first.text, first.prompt_tokens)
    assert again.cached_tokens >= first.prompt_tokens - MARKERS
    assert chats.encoded() == before


def test_the_same_picture_in_another_chat_is_not_encoded(chats: CountedChats) -> None:
    first = chats.ask(question(noise_file(3)))
    other = question(noise_file(3), "Be brief. Answer in French.")
    before = chats.encoded()
    answer = chats.ask(other)
    assert chats.encoded() == before
    assert answer.cached_tokens < first.prompt_tokens // 2  # the picture is computed behind another text


def test_another_picture_shares_only_the_text_before_it(chats: CountedChats) -> None:
    system = "You name colours, whatever else is asked. " * 8
    first = chats.ask(question(noise_file(4), system))
    before = chats.encoded()
    other = chats.ask(question(noise_file(5), system))
    assert 0 < other.cached_tokens < first.prompt_tokens - 16
    assert chats.encoded() - before == PIECES[chats.model]


def test_two_who_ask_at_once_have_it_encoded_once(chats: CountedChats) -> None:
    def both() -> None:
        with ThreadPoolExecutor(2) as users:
            systems = ["You name colours.", "You are a painter."]
            list(users.map(lambda system: chats.ask(question(noise_file(6), system)), systems))

    assert encodes(chats, both) == PIECES[chats.model]


def test_a_chat_of_text_is_reused_as_without_a_projector(chats: CountedChats) -> None:
    messages: Messages = [{"role": "user", "content": "Tell me of towns and rivers. " * 40}]
    first = chats.ask(messages)
    second = chats.ask(then(messages, first.text))
    assert second.cached_tokens >= first.prompt_tokens - MARKERS
    assert encodes(chats, lambda: chats.ask(then(messages, first.text, "Really?"))) == 0


def turned(pixels: NDArray[np.uint8], orientation: int) -> bytes:
    """A picture that is upright only by its metadata."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG", exif=exif)
    return target.getvalue()


def test_a_picture_that_metadata_turn_is_the_upright_one(chats: CountedChats) -> None:
    upright = np.asarray(Image.open(io.BytesIO(noise_file(7))))
    first = chats.ask(question(noise_file(7)))
    stored = {3: np.rot90(upright, 2), 6: np.rot90(upright, 1), 8: np.rot90(upright, -1), 2: np.fliplr(upright)}
    before = chats.encoded()
    for orientation, pixels in stored.items():
        same = chats.ask(question(turned(np.ascontiguousarray(pixels), orientation)))
        assert (same.text, same.prompt_tokens) == (first.text, first.prompt_tokens), orientation
        assert same.cached_tokens >= first.prompt_tokens - MARKERS, orientation
    assert chats.encoded() == before
    chats.ask(question(turned(np.ascontiguousarray(stored[3]), 1)))
    assert chats.encoded() > before


def test_tokens_are_counted_in_cells_not_in_positions(counted: dict[str, CountedChats]) -> None:
    """With rows and columns, 6 x 4 embeddings take 6 positions, and 12 x 8 of them 12."""
    chats = counted["qwen2vl"]
    small, large = (chats.ask(question(noise_file(8, width, height))) for width, height in ((168, 112), (336, 224)))
    assert large.prompt_tokens - small.prompt_tokens == 12 * 8 - 6 * 4
    messages = question(noise_file(8, 336, 224))
    again = chats.ask(then(messages, large.text))
    assert again.cached_tokens >= large.prompt_tokens - MARKERS
