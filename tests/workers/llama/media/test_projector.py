"""Chunks of media, encoding that can be stopped, and what a projector refuses."""

from __future__ import annotations

import ctypes
import gc

import numpy as np
import pytest
from llama_cpp import mtmd_cpp
from numpy.typing import NDArray

from shared.wire.payloads import JobError
from tests.support.media.contents import SAMPLE_RATE, noise_picture, picture, recording, tone
from tests.support.media.llama_prompts import MediaPromptReader, always
from workers.llama.media.chunks import LlamaChunk
from workers.llama.media.decoder import MediaContext
from workers.llama.media.model import SeeingLlama
from workers.llama.media.projector import ProjectionError
from workers.text.media.media import DecodedMedium
from workers.text.media.projector import MediaChunk, MediaDecoder, SeeingModel

SHAPES = [(1, 1), (1, 3), (3, 1), (2, 2), (1, 50), (50, 1), (3, 150), (63, 65), (20, 1000), (1000, 20), (300, 200)]


def media_chunks(model: SeeingLlama, medium: DecodedMedium) -> list[MediaChunk]:
    return [chunk for chunk in model.projector.chunks(medium) if not isinstance(chunk, list)]


def black(width: int, height: int) -> NDArray[np.uint8]:
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("model", "media", "rate"),
    [
        ("smolvlm", ("image", "audio"), SAMPLE_RATE),
        ("qwen2vl", ("image",), 0),
        ("gemma3", ("image",), 0),
        ("ultravox", ("audio",), SAMPLE_RATE),
    ],
    indirect=["model"],
)
def test_a_projector_says_what_it_takes(
    model: SeeingLlama, context: MediaContext, media: tuple[str, ...], rate: int
) -> None:
    assert (model.projector.media, model.projector.sample_rate) == (media, rate)
    assert isinstance(model, SeeingModel)
    assert isinstance(context, MediaDecoder)


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_the_tiles_of_a_picture_have_keys_of_their_own(model: SeeingLlama) -> None:
    first, other = noise_picture(1), noise_picture(2)
    keys = [chunk.key for chunk in media_chunks(model, first)]
    assert len(keys) == 5  # an overview and 2 x 2 tiles
    assert len(set(keys)) == len(keys)
    assert [chunk.key for chunk in media_chunks(model, picture(first.pixels.copy()))] == keys
    assert not set(keys) & {chunk.key for chunk in media_chunks(model, other)}


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_a_medium_is_prepared_once_as_long_as_it_is_in_use(model: SeeingLlama) -> None:
    for make in (lambda: noise_picture(1), lambda: tone(440, 1)):
        first, again = media_chunks(model, make()), media_chunks(model, make())
        natives = [chunk.native for chunk in [*first, *again] if isinstance(chunk, LlamaChunk)]
        assert natives[: len(first)] == natives[len(first) :]
    del first, again
    gc.collect()
    assert not model.projector._in_use


@pytest.mark.parametrize("model", ["qwen2vl"], indirect=True)
def test_markers_stand_around_a_picture_and_no_others(model: SeeingLlama) -> None:
    chunks = model.projector.chunks(noise_picture(1))
    markers = [token for tokens in chunks if isinstance(tokens, list) for token in tokens]
    assert [isinstance(chunk, list) for chunk in chunks] == [True, False, True]
    assert [model.vocabulary.piece(token, special=True) for token in markers] == [
        b"<|vision_start|>",
        b"<|vision_end|>",
    ]


@pytest.mark.parametrize("model", ["smolvlm", "qwen2vl", "gemma3"], indirect=True)
def test_odd_pictures_are_seen_or_refused(model: SeeingLlama, context: MediaContext) -> None:
    for sequence, (width, height) in enumerate(SHAPES):
        reader = MediaPromptReader(model, context, sequence % 8)
        context.memory.remove(sequence % 8)
        logits = reader.read([picture(black(width, height)), "?"])
        assert np.isfinite(logits).all(), (width, height)
    for width, height in [(0, 0), (0, 7), (1, 51), (1, 4000), (4000, 1), (20_000, 20), (8000, 8000)]:
        with pytest.raises(JobError, match=r"^picture: expected ") as refused:
            model.projector.chunks(picture(black(width, height)))
        assert refused.value.failed.status == 400


@pytest.mark.parametrize("model", ["smolvlm", "ultravox"], indirect=True)
def test_odd_recordings_are_heard_or_refused(model: SeeingLlama, context: MediaContext) -> None:
    assert len(media_chunks(model, tone(440, 0.1))) == 1
    assert len(media_chunks(model, tone(440, 61))) == 3  # 30 s each
    silence = MediaPromptReader(model, context).read([recording(np.zeros(SAMPLE_RATE, np.float32)), "?"])
    assert np.isfinite(silence).all()
    for seconds in (0, 1 / SAMPLE_RATE, 0.01, 0.0999, 1801):
        with pytest.raises(JobError, match=r"recording: expected 0\.1 s to 1800 s") as refused:
            model.projector.chunks(tone(440, seconds))
        assert refused.value.failed.status == 400
    for odd in (np.nan, np.inf):
        with pytest.raises(JobError, match="expected samples that are numbers"):
            model.projector.chunks(recording(np.full(SAMPLE_RATE, odd, np.float32)))


@pytest.mark.parametrize("model", ["qwen2vl", "ultravox"], indirect=True)
def test_media_that_a_model_does_not_take_are_refused(model: SeeingLlama) -> None:
    medium = tone(440) if "image" in model.projector.media else noise_picture(1)
    with pytest.raises(JobError, match=r"the model (sees no pictures|hears no recordings)") as refused:
        model.projector.chunks(medium)
    assert (refused.value.failed.status, refused.value.failed.code) == (400, "media_not_supported")


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_encoding_stops_between_two_nodes(model: SeeingLlama) -> None:
    (chunk, *_) = media_chunks(model, noise_picture(1))
    whole = model.projector.encode(chunk, always)
    asked = 0

    def three_times() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    assert model.projector.encode(chunk, three_times) is None
    assert asked == 3
    again = model.projector.encode(chunk, always)
    assert whole is not None
    assert again is not None
    assert np.array_equal(whole, again)


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_what_is_raised_between_two_nodes_is_raised_by_the_encoding(model: SeeingLlama) -> None:
    (chunk, *_) = media_chunks(model, noise_picture(1))

    def fails() -> bool:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        model.projector.encode(chunk, fails)
    assert model.projector.encode(chunk, always) is not None


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_embeddings_that_are_not_finite_are_noticed(model: SeeingLlama, monkeypatch: pytest.MonkeyPatch) -> None:
    (chunk, *_) = media_chunks(model, noise_picture(1))
    spoilt = np.full(chunk.length * 576, 1.0, np.float32)
    spoilt[100] = np.nan
    pointer = spoilt.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    with monkeypatch.context() as patched:
        patched.setattr(mtmd_cpp, "mtmd_get_output_embd", lambda _: pointer)
        with pytest.raises(ProjectionError, match="not finite"):
            model.projector.encode(chunk, always)
    assert model.projector.encode(chunk, always) is not None


@pytest.mark.parametrize("model", ["qwen2vl"], indirect=True)
def test_a_chunk_outlives_the_others_of_its_medium(model: SeeingLlama) -> None:
    (chunk,) = media_chunks(model, noise_picture(1))
    expected = model.projector.encode(chunk, always)
    gc.collect()
    again = model.projector.encode(chunk, always)
    assert expected is not None
    assert again is not None
    assert np.array_equal(expected, again)


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_nothing_is_printed(model: SeeingLlama, context: MediaContext, capfd: pytest.CaptureFixture[str]) -> None:
    MediaPromptReader(model, context).read(["A secret: ", noise_picture(1), tone(440), "?"])
    with pytest.raises(JobError):
        model.projector.chunks(picture(black(1, 4000)))
    assert capfd.readouterr() == ("", "")
