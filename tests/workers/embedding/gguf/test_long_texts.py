"""Long texts have the tokens that llama.cpp gives them, in time."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from scripts.make_minilm import minilm
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Truncation
from tests.support.engines.encoding import embed
from workers.embedding.gguf.long_texts import PART_CHARS, LongTexts
from workers.engine import Engine
from workers.llama.native.model import LlamaModel
from workers.llama.native.vocabulary import LlamaVocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Iterator[LlamaVocabulary]:
    model = LlamaModel(str(minilm()), LlamaCppOptions(gpu_layers=0), lambda fraction: None)
    yield model.vocabulary
    model.close()


@pytest.mark.parametrize("special", [0, 1, 20])
def test_the_parts_of_a_long_text_have_the_tokens_of_the_whole(vocabulary: LlamaVocabulary, special: int) -> None:
    pieces = ["Hello", " world", "\n\n", " ", "x", "中", *["[SEP]", "[CLS]", "[MASK]", "[unused3]"] * special]
    draw = random.Random(special)
    text = "".join(draw.choices(pieces, k=3 * PART_CHARS))
    whole = vocabulary.tokenize(text, add_special=False, parse_special=True)
    assert LongTexts(vocabulary).tokenize(text) == whole


def test_a_text_of_special_tokens_takes_no_longer_than_another(minilm_engine: Engine) -> None:
    """In one piece it would take some minutes."""
    rows = embed(minilm_engine, ["[SEP]" * 300_000, "[SEP]" * 600], truncate=Truncation.END)
    assert rows[0] == pytest.approx(rows[1], abs=1e-4)
