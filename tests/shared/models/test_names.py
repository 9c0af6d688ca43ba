from __future__ import annotations

import pytest

from shared.models.names import find_quant, is_quant, name_key, split_tag, without_role


@pytest.mark.parametrize(
    ("name", "base", "quant"),
    [
        ("llama2:Q4_K_M", "llama2", "Q4_K_M"),
        ("llama2:q8_0", "llama2", "q8_0"),
        ("llama2:latest", "llama2", ""),
        ("llama3.2:1b-instruct-q4_K_M", "llama3.2:1b-instruct", "q4_K_M"),
        ("Llama-3.2-1B-Instruct-UD-Q4_K_XL", "Llama-3.2-1B-Instruct", "UD-Q4_K_XL"),
        ("owner/repo:IQ3_XXS", "owner/repo", "IQ3_XXS"),
        ("tiny.F16", "tiny", "F16"),
        ("gpt-oss-20b-MXFP4", "gpt-oss-20b", "MXFP4"),
        ("qwen3:4b", "qwen3:4b", ""),
        ("llama-3.2", "llama-3.2", ""),
        ("Q4_K_M", "Q4_K_M", ""),
        ("", "", ""),
    ],
)
def test_a_tag_is_a_quantization_or_latest(name: str, base: str, quant: str) -> None:
    assert split_tag(name) == (base, quant)


def test_case_and_separators_do_not_matter() -> None:
    assert name_key("Llama-3.2:1B") == name_key("llama3_2/1b")


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("llama3.1:8b-instruct", "llama3.1:8b"),
        ("gemma-3-4b-it", "gemma-3-4b"),
        ("Qwen2.5-7B-Instruct-GGUF", "Qwen2.5-7B"),
        ("llama2:7b-chat", "llama2:7b"),
        ("qwen3:4b-instruct-2507", "qwen3:4b-instruct-2507"),
        ("gemini", "gemini"),
        ("chat", "chat"),
    ],
)
def test_what_says_only_that_a_model_answers_can_be_left_out(name: str, without: str) -> None:
    assert without_role(name) == without


@pytest.mark.parametrize(
    ("path", "quant"),
    [
        ("gemma-3-4b-it-Q4_K_M.gguf", "Q4_K_M"),
        ("UD-Q4_K_M/GLM-UD-Q4_K_M-00001-of-00011.gguf", "UD-Q4_K_M"),
        ("gemma-4-E2B_q4_0-it.gguf", "Q4_0"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("tiny.f16.gguf", "F16"),
        ("Q8_0/tiny.gguf", ""),
    ],
)
def test_the_quantization_in_a_name_of_a_file(path: str, quant: str) -> None:
    assert find_quant(path) == quant


@pytest.mark.parametrize(
    ("text", "alone"), [("q8_0", True), ("UD-Q4_K_XL", True), ("*Q8_0*", False), ("m-Q8_0", False)]
)
def test_a_quantization_alone(text: str, alone: bool) -> None:
    assert is_quant(text) is alone
