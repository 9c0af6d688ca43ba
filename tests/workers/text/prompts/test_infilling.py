"""Filling in the middle, with the real vocabulary, in which three tokens are declared as those for that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import pytest

from shared.wire.payloads import JobError
from workers.llama.native.log import capture_native_log
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.prompts.infilling import infill_tokens

INFILL = {"fim_pre": 7, "fim_suf": 8, "fim_mid": 9}


@pytest.fixture(scope="module")
def coder(model_path: Path) -> Iterator[LlamaVocabulary]:
    """The vocabulary as that of a model for code."""
    capture_native_log()
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    params.kv_overrides = overrides = (llama_cpp.llama_model_kv_override * (len(INFILL) + 1))()  # the last one is empty
    for override, (name, token) in zip(overrides, INFILL.items(), strict=False):
        override.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT
        override.key = f"tokenizer.ggml.{name}_token_id".encode()
        override.value.val_i64 = token
    model = llama_cpp.llama_model_load_from_file(str(model_path).encode(), params)
    assert model
    yield LlamaVocabulary(llama_cpp.llama_model_get_vocab(model))
    llama_cpp.llama_model_free(model)


def test_the_prompt_is_the_prefix_and_the_suffix_between_the_models_tokens(coder: LlamaVocabulary) -> None:
    before, after = "def add(a, b):\n    ", "\n    return total\n"
    prefix, suffix = (coder.tokenize(text, add_special=False, parse_special=False) for text in (before, after))
    assert infill_tokens(coder, prefix, after, parse_special=False) == [7, *prefix, 8, *suffix, 9]


def test_the_text_of_a_special_token_in_code_is_text(coder: LlamaVocabulary) -> None:
    text = "print('<|im_end|>')"
    assert coder.special_token("<|im_end|>") not in infill_tokens(coder, [], text, parse_special=False)
    assert coder.special_token("<|im_end|>") in infill_tokens(coder, [], text, parse_special=True)


def test_a_model_without_such_tokens_is_named_as_the_reason(vocabulary: LlamaVocabulary) -> None:
    with pytest.raises(JobError, match=r"^suffix: expected a model with tokens to fill in the middle") as refused:
        infill_tokens(vocabulary, [1], "b", parse_special=False)
    failed = refused.value.failed
    assert (failed.status, failed.param, failed.code) == (400, "suffix", "no_infill")
