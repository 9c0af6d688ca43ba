"""Writes the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.make_gguf.file import GGUFTensor, entry_value, write_entries
from scripts.make_gguf.vocabulary import CopiedVocabulary, read_vocabulary
from scripts.make_gguf.weights import metadata, random_tensors


def make_gguf(
    path: Path,
    vocabulary: Path,
    template: str | None = None,
    *,
    added: Sequence[str] = (),
    end: str | None = None,
    context_tokens: int = 4096,
    seed: int = 0,
) -> None:
    """Write a small Llama with random weights to ``path`` atomically. The same seed gives the same bytes.

    Args:
        path: the file to write.
        vocabulary: a GGUF file that has the vocabulary.
        template: the chat template; None for the vocabulary's, if it has one.
        added: texts of marker tokens to add.
        end: the text of the token that ends a turn; None for the vocabulary's ends alone.
        context_tokens: the context length that the file states.
        seed: of the weights.

    Raises:
        GGUFError: ``vocabulary`` is damaged or has none.
        ValueError: there is no such ``end``.
        OSError: a file cannot be read or written.
    """
    copied = read_vocabulary(vocabulary).with_tokens(added)
    if template is not None:
        copied = copied.with_template(template)
    if end is not None:
        copied = copied.with_end(end)
    write_gguf(path, copied, list(random_tensors(copied, seed)), context_tokens)


def write_gguf(
    path: Path, vocabulary: CopiedVocabulary, tensors: Sequence[GGUFTensor] = (), context_tokens: int = 4096
) -> None:
    """Write a file with a vocabulary, and these tensors, atomically."""
    write_entries(path, {**_entries(context_tokens), **vocabulary.metadata()}, tensors)


def _entries(context_tokens: int) -> dict[str, bytes]:
    shape = {f"llama.{key}": value for key, value in metadata().items()}
    entries: dict[str, str | int | float] = {
        "general.architecture": "llama",
        "general.name": "A small Llama with random weights",
        "llama.context_length": context_tokens,
        **shape,
    }
    return {key: entry_value(value) for key, value in entries.items()}
