"""The vocabulary of a model file, read without its weights."""

from __future__ import annotations

import llama_cpp

from workers.llama.native.log import capture_native_log
from workers.llama.native.vocabulary import LlamaVocabulary


def read_vocabulary(model_path: str) -> LlamaVocabulary:
    """Read the vocabulary of a model file, without its weights.

    Raises:
        ValueError: llama.cpp cannot read the file.
    """
    capture_native_log()
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(model_path.encode(), params)
    if not model:
        raise ValueError(f"llama.cpp cannot read {model_path}")
    return LlamaVocabulary(llama_cpp.llama_model_get_vocab(model))
