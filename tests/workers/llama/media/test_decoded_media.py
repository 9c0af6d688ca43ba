"""What a model computes of texts and media is what libmtmd's own helper computes, and pictures are seen rightly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.media.contents import COLOURS, noise_picture, plain_picture, tone
from tests.support.media.llama_prompts import BATCH, Logits, MediaPromptReader, Parts, open_context, read_by_mtmd
from workers.llama.media.decoder import MediaContext
from workers.llama.media.model import SeeingLlama
from workers.text.media.media import DecodedMedium
from workers.text.model import DecoderSize

SYSTEM = "<|im_start|>system\nYou name colours.<|im_end|>\n"
USER = "<|im_start|>user\nThe colour is:"
BEFORE = SYSTEM + USER
AFTER = "\nName the colour.<|im_end|>\n<|im_start|>assistant\n"
PAIRS = ["smolvlm", "qwen2vl", "gemma3"]


def asked(*media: DecodedMedium) -> Parts:
    return [BEFORE, *media, AFTER]


def named(model: SeeingLlama, logits: Logits) -> str:
    """The likeliest name of a colour."""
    return max(COLOURS, key=lambda name: logits[model.vocabulary.tokenize(f" {name}", False, True)[0]])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("model", ["smolvlm", "qwen2vl"], indirect=True)
def test_colours_are_seen(model: SeeingLlama, context: MediaContext, form: str) -> None:
    for sequence, colour in enumerate(COLOURS):
        logits = MediaPromptReader(model, context, sequence).read(asked(plain_picture(colour, form=form)))
        assert named(model, logits) == colour


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_a_colour_is_named_in_words(model: SeeingLlama, context: MediaContext) -> None:
    for sequence, colour in enumerate(COLOURS):
        reader = MediaPromptReader(model, context, sequence)
        answer = reader.answer(reader.read(asked(plain_picture(colour))), 6)
        assert [name for name in COLOURS if name in answer] == [colour]


@pytest.mark.parametrize("model", ["smolvlm"], indirect=True)
def test_later_pictures_of_a_chat_are_seen_too(model: SeeingLlama, context: MediaContext) -> None:
    reader = MediaPromptReader(model, context)
    begin = BEFORE
    for colour in ("blue", "red", "green"):
        assert named(model, reader.read([begin, plain_picture(colour), AFTER])) == colour
        begin = f"{colour}<|im_end|>\n{USER}"


@pytest.mark.parametrize(
    ("model", "media"),
    [
        *((name, (noise_picture(1, 200, 150), noise_picture(2, 150, 200))) for name in PAIRS),
        ("smolvlm", (tone(440), noise_picture(1))),
        ("ultravox", (tone(440),)),
    ],
    indirect=["model"],
    ids=[*PAIRS, "smolvlm-heard", "ultravox"],
)
def test_logits_are_those_of_libmtmd(
    model: SeeingLlama, context: MediaContext, media: tuple[DecodedMedium, ...]
) -> None:
    parts = asked(*media)
    reader = MediaPromptReader(model, context)
    logits = reader.read(parts)
    other = open_context(model)  # so that its cells are in the same places: others round sums in other ways
    try:
        expected, positions, cells = read_by_mtmd(model, other, parts)
    finally:
        other.close()
    assert (reader.position, reader.cells) == (positions, cells)
    assert np.abs(logits - expected).max() <= 1e-3


@pytest.mark.parametrize("model", ["smolvlm", "qwen2vl", "gemma3", "ultravox"], indirect=True)
def test_other_media_give_other_logits(model: SeeingLlama, context: MediaContext) -> None:
    pictures, tones = [noise_picture(1), noise_picture(3)], [tone(440), tone(2000)]
    media: Sequence[DecodedMedium] = pictures if "image" in model.projector.media else tones
    first, second = (MediaPromptReader(model, context, place).read(asked(medium)) for place, medium in enumerate(media))
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("model", ["smolvlm", "qwen2vl"], indirect=True)
def test_causal_chunks_may_be_computed_in_steps(model: SeeingLlama, context: MediaContext) -> None:
    parts = asked(noise_picture(4, 300, 200))
    whole = MediaPromptReader(model, context, 0).read(parts)
    steps = MediaPromptReader(model, context, 1, step=7).read(parts)
    assert np.corrcoef(whole, steps)[0, 1] > 0.99  # other shapes of batches are rounded in other ways


@pytest.mark.parametrize("model", ["qwen2vl"], indirect=True)
def test_positions_with_rows_and_columns_are_fewer_than_cells(model: SeeingLlama, context: MediaContext) -> None:
    (_, chunk, _) = model.projector.chunks(noise_picture(5, 168, 112))  # 6 x 4 embeddings
    assert not isinstance(chunk, list)
    assert (chunk.length, chunk.positions) == (24, 6)
    time, row, column, rest = chunk.position_rows(100)
    assert set(time) == {100}
    assert row.tolist() == [100 + place // 6 for place in range(24)]
    assert column.tolist() == [100 + place % 6 for place in range(24)]
    assert not rest.any()
    reader = MediaPromptReader(model, context)
    reader.read(asked(noise_picture(5, 168, 112)))
    assert reader.cells - reader.position == 18


@pytest.mark.parametrize("model", ["gemma3"], indirect=True)
def test_chunks_that_are_not_causal_fit_into_one_computation(model: SeeingLlama) -> None:
    assert model.projector.whole_tokens == 64
    small = model.open_decoder(DecoderSize(2048, 8, 2048, 32, 2))
    try:
        assert (small.batch_tokens, small.ubatch_tokens) == (32, 64)
        assert np.isfinite(MediaPromptReader(model, small, 0, 32).read(asked(noise_picture(6)))).all()
    finally:
        small.close()


@pytest.mark.parametrize("model", ["gemma3"], indirect=True)
def test_batches_that_are_too_large_are_refused(model: SeeingLlama, context: MediaContext) -> None:
    embeddings, positions = np.zeros((BATCH + 1, 192), np.float32), np.zeros((1, BATCH + 1), np.int32)
    for causal in (True, False):
        with pytest.raises(ValueError, match="embeddings: expected 1 to 128"):
            context.decode_embeddings(0, embeddings, positions, True, causal)
    with pytest.raises(ValueError, match="positions: expected 2, got 3"):
        context.decode_embeddings(0, embeddings[:2], positions[:, :3], True, True)
