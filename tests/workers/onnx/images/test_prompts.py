"""Weights of words, and tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.onnx.tiny_pipelines import reference_numbers, tiny_pipeline
from workers.engine import EngineLoadError
from workers.onnx.images.prompts.emphasis import WeightedText, weighted_texts
from workers.onnx.images.prompts.tokens import ClipTokenizer


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("", []),
        ("a cat", [("a cat", 1.0)]),
        ("a (cat)", [("a ", 1.0), ("cat", 1.1)]),
        ("((cat))", [("cat", 1.1 * 1.1)]),
        ("[cat] dog", [("cat", 1 / 1.1), (" dog", 1.0)]),
        ("(cat:1.5), dog", [("cat", 1.5), (", dog", 1.0)]),
        ("(a (cat:2) dog:0.5)", [("a ", 0.5), ("cat", 1.0), (" dog", 0.5)]),
        ("\\(cat\\)", [("(cat)", 1.0)]),
        ("(cat", [("cat", 1.1)]),
        ("cat)", [("cat)", 1.0)]),
        ("cat:1.5)", [("cat:1.5)", 1.0)]),
        ("at 16:9", [("at 16:9", 1.0)]),
    ],
)
def test_brackets_are_weights(prompt: str, parts: list[tuple[str, float]]) -> None:
    found = weighted_texts(prompt)
    assert [part.text for part in found] == [text for text, _ in parts]
    assert [part.weight for part in found] == pytest.approx([weight for _, weight in parts])


def test_break_begins_a_chunk() -> None:
    found = weighted_texts("a cat BREAK a dog")
    assert found == [WeightedText("a cat", 1.0), WeightedText("a dog", 1.0, begins_chunk=True)]
    assert len(weighted_texts("aBREAKb")) == 1


def test_many_open_brackets_take_no_time_per_bracket() -> None:
    (part,) = weighted_texts("(" * 5000 + "cat")
    assert part.text == "cat"


def test_tokens_are_those_of_transformers() -> None:
    numbers = reference_numbers()
    tokenizer = ClipTokenizer(tiny_pipeline() / "tokenizer")
    for text, ids in zip(numbers["texts"], numbers["ids"], strict=True):
        found = [token for chunk in tokenizer.chunks([WeightedText(text, 1.0)]) for token in chunk.ids[1:76]]
        assert found[: len(ids)] == ids, text


def test_long_texts_go_on_in_further_chunks() -> None:
    tokenizer = ClipTokenizer(tiny_pipeline() / "tokenizer")
    chunks = tokenizer.chunks([WeightedText("cat " * 80, 1.5), WeightedText("dog", 1.0, begins_chunk=True)])
    assert [len(chunk.ids) for chunk in chunks] == [77, 77, 77]
    assert chunks[0].weights == [1.0, *[1.5] * 75, 1.0]
    assert chunks[1].weights == [1.0, *[1.5] * 5, *[1.0] * 71]
    assert not chunks[2].is_weighted
    assert len({chunk.ids[0] for chunk in chunks}) == 1


def test_a_chunk_is_filled_with_the_padding_of_the_folder() -> None:
    first, second = (ClipTokenizer(tiny_pipeline("sdxl") / name) for name in ("tokenizer", "tokenizer_2"))
    end = first.empty_chunk().ids[1]
    assert set(first.empty_chunk().ids[1:]) == {end}
    assert second.empty_chunk().ids[1] == end
    assert set(second.empty_chunk().ids[2:]) == {0}


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineLoadError, match=r"expected tokenizer\.json, or vocab\.json and merges\.txt"):
        ClipTokenizer(tmp_path)
    (tmp_path / "merges.txt").write_text("a b")
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 2**40}))
    with pytest.raises(EngineLoadError, match="expected a tokenizer, got damaged files") as error:
        ClipTokenizer(tmp_path)
    assert "\n" not in str(error.value)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(EngineLoadError, match="expected a tokenizer, got damaged files"):
        ClipTokenizer(tmp_path)
