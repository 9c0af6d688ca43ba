from __future__ import annotations

import pytest

from shared.models.names import name_key, split_tag


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
