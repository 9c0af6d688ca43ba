"""Models on the command line: the word ``onnx``, and options of one model."""

from __future__ import annotations

import pytest

from shared.settings.model_argument import mark_models, split_model_argument
from shared.settings.option import OptionError


@pytest.mark.parametrize(
    ("words", "models"),
    [
        (["a", "b"], ("a", "b")),
        (["onnx", "a", "b"], ("onnx:a", "onnx:b")),
        (["a", "onnx", "b"], ("a", "onnx:b")),
        (["a", "onnx:b", "c"], ("a", "onnx:b", "c")),
        (["onnx", "onnx:a", "./b"], ("onnx:a", "onnx:./b")),
        (["ONNX", "hf:o/r:q4"], ("onnx:hf:o/r:q4",)),
        (["Onnx:a"], ("onnx:a",)),
        (["onnx:", "a"], ("onnx:a",)),
        (["./onnx"], ("./onnx",)),
        ([], ()),
    ],
)
def test_the_word_marks_all_models_after_it(words: list[str], models: tuple[str, ...]) -> None:
    assert mark_models(words) == models


@pytest.mark.parametrize("words", [["onnx"], ["a", "onnx"], ["onnx:"]])
def test_the_word_needs_a_model_after_it(words: list[str]) -> None:
    with pytest.raises(OptionError, match=r"^onnx: a model is required after it; all names: nexa list onnx$"):
        mark_models(words)


def test_a_marked_model_has_options_too() -> None:
    assert split_model_argument("onnx:a@slots=2") == ("onnx:a", {"slots": "2"})


def test_a_marked_path_that_looks_like_options_is_a_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("a") / "b@slots=2"
    folder.mkdir()
    assert split_model_argument(f"onnx:{folder}") == (f"onnx:{folder}", {})
