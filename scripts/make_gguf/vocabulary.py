"""The vocabulary in a GGUF file, to be written into another one."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.gguf.reader import FieldReader, size_of

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
"""Types of GGUF values, see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""

_SCALAR_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
"""Types of tokens."""

_PREFIX = "tokenizer."
_TOKENS, _TYPES, _SCORES = (f"tokenizer.ggml.{name}" for name in ("tokens", "token_type", "scores"))
_TEMPLATES = "tokenizer.chat_template"
_END_OF_TURN, _END_OF_TEXT = "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eos_token_id"


_CONTROL_TEXT = re.compile(r"[|｜\[\]]")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class CopiedVocabulary:
    """The texts, types and scores of all tokens, and the other ``tokenizer.*`` entries as they stand in the file."""

    texts: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...] | None
    entries: dict[str, bytes]

    def with_tokens(self, added: Sequence[str]) -> CopiedVocabulary:
        """The vocabulary with these marker tokens at its end. Texts that have a token get no other.

        As in most models, those with bars or brackets are control tokens (``<|call|>``, ``[CALLS]``), others
        user-defined (``<think>``).
        """
        own = set(self.texts)
        fresh = [text for text in dict.fromkeys(added) if text not in own]
        return replace(
            self,
            texts=(*self.texts, *fresh),
            types=(*self.types, *(CONTROL if _CONTROL_TEXT.search(text) else USER_DEFINED for text in fresh)),
            scores=None if self.scores is None else (*self.scores, *[0.0] * len(fresh)),
        )

    def with_template(self, source: str) -> CopiedVocabulary:
        """The vocabulary with this chat template and no other."""
        others = {key: value for key, value in self.entries.items() if not key.startswith(_TEMPLATES)}
        return replace(self, entries={**others, _TEMPLATES: string_value(source)})

    def with_end(self, text: str) -> CopiedVocabulary:
        """The vocabulary in which this token ends a turn.

        Raises:
            ValueError: it has no such token.
        """
        if text not in self.texts:
            raise ValueError(f"end: expected a token of the vocabulary, got {text!r}")
        token = struct.pack("<II", UINT32, self.texts.index(text))
        return replace(self, entries={**self.entries, _END_OF_TURN: token})

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end a turn or a text, as the file names them."""
        named = [self.entries[key] for key in (_END_OF_TURN, _END_OF_TEXT) if key in self.entries]
        return frozenset(struct.unpack("<II", value)[1] for value in named)

    @property
    def template(self) -> str:
        """The chat template; empty if there is none."""
        value = self.entries.get(_TEMPLATES)
        return "" if value is None else value[12:].decode("utf-8", "replace")

    def text(self, key: str) -> str:
        """An entry that is a text; empty if there is none."""
        value = self.entries.get(key, string_value(""))
        return value[12:].decode("utf-8", "surrogateescape")

    def strings(self, key: str) -> list[str]:
        """An entry that is an array of texts; empty if there is none."""
        return _strings(self.entries[key]) if key in self.entries else []

    def number(self, key: str) -> int | None:
        """An entry that is an unsigned number of four bytes, or true or false; None if there is none."""
        value = self.entries.get(key)
        return None if value is None else int.from_bytes(value[4:], "little")

    def metadata(self) -> dict[str, bytes]:
        """All entries, each with its type."""
        texts = b"".join(_string(text) for text in self.texts)
        made = {
            **self.entries,
            _TOKENS: struct.pack("<IIQ", ARRAY, STRING, len(self.texts)) + texts,
            _TYPES: _numbers(INT32, np.array(self.types, "<i4")),
        }
        if self.scores is not None:
            made[_SCORES] = _numbers(FLOAT32, np.array(self.scores, "<f4"))
        return made


def read_vocabulary(path: Path) -> CopiedVocabulary:
    """Read the vocabulary of a little-endian GGUF file.

    Raises:
        GGUFError: the file is damaged, or has no vocabulary.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    reader = FieldReader(path, io.BytesIO(data), len(data))
    if reader.take(4) != b"GGUF" or reader.number("I") not in (2, 3):
        raise reader.error("expected a little-endian GGUF file of version 2 or 3, got another file")
    reader.number("Q")  # tensors
    entries = dict(_entry(reader, data) for _ in range(reader.count("metadata entries", 65_536)))
    if _TOKENS not in entries:
        raise reader.error("expected a vocabulary, got none")
    raw = entries.pop(_TOKENS)
    texts = tuple(_strings(raw))
    types = entries.pop(_TYPES, None)
    scores = entries.pop(_SCORES, None)
    return CopiedVocabulary(
        texts,
        (NORMAL,) * len(texts) if types is None else tuple(np.frombuffer(types, "<i4", offset=16).tolist()),
        None if scores is None else tuple(np.frombuffer(scores, "<f4", offset=16).tolist()),
        {key: value for key, value in entries.items() if key.startswith(_PREFIX)},
    )


def string_value(text: str) -> bytes:
    """A text as a value of an entry."""
    return struct.pack("<I", STRING) + _string(text)


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def _numbers(kind: int, values: NDArray[np.generic]) -> bytes:
    return struct.pack("<IIQ", ARRAY, kind, len(values)) + values.tobytes()


def _entry(reader: FieldReader, data: bytes) -> tuple[str, bytes]:
    """The next entry's key, and its type and value as they stand in the file."""
    key = reader.string("a metadata key", 65_535)
    begin = reader.position
    _skip(reader, reader.number("I"))
    return key, data[begin : reader.position]


def _skip(reader: FieldReader, kind: int) -> None:
    """Step over a value of this type."""
    if kind in _SCALAR_CODES:
        reader.skip(size_of(_SCALAR_CODES[kind]))
    elif kind == STRING:
        reader.skip_strings(1)
    elif kind == ARRAY:
        element, count = reader.number("I"), reader.number("Q")
        if element in _SCALAR_CODES:
            reader.skip(count * size_of(_SCALAR_CODES[element]))
        elif element == STRING:
            reader.skip_strings(count)
        else:
            reader.require_elements(count, 12)
            for _ in range(count):
                _skip(reader, element)
    else:
        raise reader.damaged(f"expected a type from 0 to 12, got {kind}")


def _strings(value: bytes) -> list[str]:
    """The texts of an array of them."""
    _, _, count = struct.unpack_from("<IIQ", value)
    texts, at = [], 16
    for _ in range(count):
        length = int.from_bytes(value[at : at + 8], "little")
        texts.append(value[at + 8 : at + 8 + length].decode("utf-8", "surrogateescape"))
        at += 8 + length
    return texts
