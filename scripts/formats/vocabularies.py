"""Real vocabularies, as they are and with the marker tokens of many models."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from scripts.make_gguf.model import write_gguf
from scripts.make_gguf.vocabulary import CopiedVocabulary, read_vocabulary
from scripts.make_gguf.weights import SHARES, token_biases
from workers.llama.native.log import capture_native_log
from workers.llama.native.vocabulary import LlamaVocabulary

USUAL = ("qwen2", "llama-spm", "gemma-4", "llama-bpe")
"""The vocabularies that answers are tried with, if they are there: they write white space, digits and bytes each in
their own way."""

SPACE_LETTER = "▁"
SPACES_AS_LETTERS = ("llama-spm", "gemma-4")
"""Vocabularies that write a space as that letter. They read the letter as a space too, so that they cannot spell it."""

_MARKER = re.compile(
    r"<\|[^\s<>|'\"{}]{1,40}\|>|<｜[^\s<>{}'\"]{1,40}｜>|</?(?:[\w:]*think[\w:]*|tool_calls?|function_calls?|response)>"  # noqa: RUF001
    r"|\[/?[A-Z_]{4,20}\]"
)
"""Texts that are one token in some model."""


@dataclass(frozen=True, slots=True)
class TriedVocabulary:
    """A vocabulary, and how likely each token is at temperature 1, as a logit."""

    name: str
    tokens: LlamaVocabulary
    biases: NDArray[np.float32]

    def biases_with(self, markers: Iterable[int]) -> NDArray[np.float32]:
        """The logits, with some tokens that come as often as markers do."""
        biases = self.biases.copy()
        chosen = [token for token in markers if token not in self.tokens.eog]
        biases[chosen] = np.log(SHARES["markers"] / max(len(chosen), 1))
        return biases


def markers_in(sources: Iterable[str]) -> list[str]:
    """The texts in templates that may be tokens of their own."""
    return sorted({marker for source in sources for marker in _MARKER.findall(source)})


def names_in(folder: Path) -> list[str]:
    """The usual vocabularies of a folder, or all of them if it has none of those."""
    names = [path.stem.removeprefix("ggml-vocab-") for path in sorted(folder.glob("ggml-vocab-*.gguf"))]
    return [name for name in USUAL if name in names] or names


@contextmanager
def vocabulary(folder: Path, name: str, added: Sequence[str] = ()) -> Iterator[TriedVocabulary]:
    """One of the vocabularies in a folder, with further marker tokens."""
    copied = read_vocabulary(folder / f"ggml-vocab-{name}.gguf").with_tokens(added)
    capture_native_log()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    with tempfile.TemporaryDirectory() as draft:
        path = Path(draft, "vocabulary.gguf")
        write_gguf(path, copied)
        model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise ValueError(f"{name}: llama.cpp cannot read the vocabulary")
    try:
        tokens = LlamaVocabulary(llama_cpp.llama_model_get_vocab(model))
        label = f"{name}, with marker tokens" if added else name
        yield TriedVocabulary(label, tokens, _biases(copied, tokens))
    finally:
        llama_cpp.llama_model_free(model)


def _biases(copied: CopiedVocabulary, tokens: LlamaVocabulary) -> NDArray[np.float32]:
    biases = token_biases(copied)
    biases[sorted(tokens.eog)] = np.log(SHARES["ends"] / max(len(tokens.eog), 1))
    return biases
