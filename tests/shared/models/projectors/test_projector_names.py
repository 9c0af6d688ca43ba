"""Which projector belongs to a model, by the names of files."""

from __future__ import annotations

import pytest

from shared.models.projectors.names import MAX_READ, NamesBeside, bits_by_name, nearest, of_model


@pytest.mark.parametrize(
    ("model", "projector"),
    [
        ("gemma-3-4b-it-Q4_K_M.gguf", "mmproj-gemma-3-4b-it-f16.gguf"),
        ("google_gemma-4-E4B-it-Q4_K_M.gguf", "mmproj-google_gemma-4-E4B-it-bf16.gguf"),
        ("SmolVLM2-500M-Video-Instruct-Q8_0.gguf", "mmproj-SmolVLM2-500M-Video-Instruct-f16.gguf"),
        ("Ministral-3-8B-Instruct-2512-Q4_K_M.gguf", "Ministral-3-8B-Instruct-2512-BF16-mmproj.gguf"),
        ("Qwen2.5-Omni-3B.Q4_K_M.gguf", "Qwen2.5-Omni-3B.mmproj-Q8_0.gguf"),
        ("Qwen3VL-4B-Instruct-Q4_K_M.gguf", "mmproj-Qwen3VL-4B-Instruct-F16.gguf"),
        ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "mmproj-ultravox-v0_5-llama-3_2-1b-f16.gguf"),
        ("big-Q4_K_M-00001-of-00003.gguf", "mmproj-big-F16.gguf"),
        ("ggml-model-q4_k.gguf", "mmproj-model-f16.gguf"),
    ],
)
def test_a_projector_beside_other_models_belongs_to_the_one_that_shares_its_name(model: str, projector: str) -> None:
    others = ["Phi-4-mini-instruct-Q4_K_M.gguf", "mmproj-Phi-4-vision-F16.gguf", "tiny.gguf"]
    beside = NamesBeside([model, projector, *others])
    assert beside.of(model) == [projector]
    assert beside.of("tiny.gguf") == []


def test_a_projector_of_any_name_belongs_to_the_only_model_whatever_its_precisions() -> None:
    names = ["moondream2-text-model-f16.gguf", "moondream2-text-model-Q4_0.gguf", "moondream2-mmproj-f16-20250414.gguf"]
    assert NamesBeside(names).of(names[0]) == NamesBeside(names).of(names[1]) == [names[2]]


def test_a_projector_is_not_given_to_one_of_several_models_that_share_no_name_with_it() -> None:
    assert of_model("a-7b.gguf", ["mmproj-F16.gguf"], ["b-7b.gguf"]) == []
    assert of_model("gemma-3-1b-it-Q8_0.gguf", ["mmproj-gemma-3-4b-it-f16.gguf"], ["gemma-3-4b-it-Q8_0.gguf"]) == []


def test_names_that_are_too_short_to_say_anything_are_no_reason() -> None:
    assert of_model("it.gguf", ["mmproj-gemma-3-4b-F16.gguf"], ["gemma-3-4b-Q4_0.gguf"]) == []
    assert of_model("ma.gguf", ["mmproj-gemma-3-4b-F16.gguf"], ["gemma-3-4b-Q4_0.gguf"]) == []


def test_where_no_file_is_called_like_a_projector_a_few_others_are_looked_into() -> None:
    few = [f"{number}.gguf" for number in range(MAX_READ)]
    assert NamesBeside(few).of("0.gguf") == few[1:]
    assert NamesBeside([*few, "more.gguf"]).of("0.gguf") == []


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [(4, "p-Q8_0"), (8, "p-Q8_0"), (9, "p-F16"), (16, "p-F16"), (32, "p-F32"), (33, "p-F32")],
)
def test_the_nearest_precision_at_or_above_is_chosen(wanted: int, chosen: str) -> None:
    names = ["p-Q2_K", "p-BF16", "p-F16", "p-F32", "p-Q8_0"]
    assert nearest(names, bits_by_name, str, wanted) == chosen


def test_a_projector_that_does_not_tell_its_precision_counts_as_halves() -> None:
    assert nearest(["p-F32", "p"], bits_by_name, str, 9) == "p"
    names = ("m-IQ2_XXS.gguf", "m-UD-Q4_K_XL.gguf", "m-bf16.gguf", "m.gguf")
    assert [bits_by_name(name) for name in names] == [2, 4, 16, 0]
