"""Writes the model."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from scripts.make_gguf.vocabulary import FLOAT32, UINT32, CopiedVocabulary, read_vocabulary, string_value
from scripts.make_gguf.weights import RandomTensor, metadata, random_tensors

_ALIGNMENT_BYTES = 32


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
    path: Path, vocabulary: CopiedVocabulary, tensors: Sequence[RandomTensor] = (), context_tokens: int = 4096
) -> None:
    """Write a file with a vocabulary, and these tensors, atomically."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file, vocabulary, tensors, context_tokens)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write(file: BinaryIO, vocabulary: CopiedVocabulary, tensors: Sequence[RandomTensor], context_tokens: int) -> None:
    entries = {**_entries(context_tokens), **vocabulary.metadata()}
    file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)))
    for key, value in entries.items():
        file.write(_string(key) + value)
    offset = 0
    for tensor in tensors:
        dims = tensor.values.shape[::-1]
        file.write(_string(tensor.name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims))
        file.write(struct.pack("<IQ", tensor.ggml_type, offset))
        offset += tensor.values.nbytes + -tensor.values.nbytes % _ALIGNMENT_BYTES
    for tensor in tensors:
        file.write(b"\0" * (-file.tell() % _ALIGNMENT_BYTES))
        file.write(tensor.values.tobytes())


def _entries(context_tokens: int) -> dict[str, bytes]:
    entries = {
        "general.architecture": string_value("llama"),
        "general.name": string_value("A small Llama with random weights"),
        "llama.context_length": struct.pack("<II", UINT32, context_tokens),
    }
    for key, value in metadata().items():
        packed = struct.pack("<If", FLOAT32, value) if isinstance(value, float) else struct.pack("<II", UINT32, value)
        entries[f"llama.{key}"] = packed
    return entries


def _string(key: str) -> bytes:
    return struct.pack("<Q", len(key.encode())) + key.encode()
