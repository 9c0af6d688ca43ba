"""A small vocabulary of the kind that Llama 2 and Mistral have, without a model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import llama_cpp

from tests.support.models.gguf_builder import Value, build_gguf
from workers.llama.native.log import capture_native_log
from workers.llama.native.vocabulary import LlamaVocabulary

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6
_LETTERS = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"{}[]()<>/|_-="


def spm_gguf(control: Sequence[str] = (), user_defined: Sequence[str] = (), words: Sequence[str] = ()) -> bytes:
    """The file of a SentencePiece vocabulary of letters, with ``<s>``, ``</s>`` and more special tokens.

    Those of ``words`` that are put together from others come behind them; the first are preferred.
    """
    typed = [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)]
    typed += [(f"<0x{byte:02X}>", _BYTE) for byte in range(256)]
    typed += [(text, _CONTROL) for text in control] + [(text, _USER_DEFINED) for text in user_defined]
    typed += [(letter, _NORMAL) for letter in _LETTERS]
    scores = [0.0] * len(typed) + [-1.0 - rank for rank in range(len(words))]
    typed += [(word, _NORMAL) for word in words]
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [text for text, _ in typed],
        "tokenizer.ggml.token_type": [kind for _, kind in typed],
        "tokenizer.ggml.scores": scores,
    }
    return build_gguf(metadata)


@contextmanager
def spm_vocabulary(
    control: Sequence[str] = (), user_defined: Sequence[str] = (), words: Sequence[str] = ()
) -> Iterator[LlamaVocabulary]:
    """The vocabulary of :func:`spm_gguf`, read by llama.cpp."""
    capture_native_log()
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vocabulary.gguf")
        path.write_bytes(spm_gguf(control, user_defined, words))
        model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        assert model
        try:
            yield LlamaVocabulary(llama_cpp.llama_model_get_vocab(model))
        finally:
            llama_cpp.llama_model_free(model)
