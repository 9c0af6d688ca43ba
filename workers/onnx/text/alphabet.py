"""How tokens are written in a tokenizer.json, and which bytes they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workers.engine import EngineLoadError

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def _byte_letters() -> dict[str, int]:
    """GPT-2's alphabet: a visible character for each byte."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + at): byte for at, byte in enumerate(others)}


class Alphabet:
    """From the texts of a vocabulary's ordinary tokens to bytes.

    There are two kinds: a character for each byte, or characters with one for the space (``▁``), perhaps with tokens
    such as ``<0x0A>`` for bytes.

    Args:
        description: the object in the tokenizer.json.

    Raises:
        EngineLoadError: its tokens are of another kind.
    """

    def __init__(self, description: dict[str, Any]) -> None:
        parts = list(_parts([description.get(name) for name in ("normalizer", "pre_tokenizer", "decoder")]))
        kinds = {part["type"] for part in parts}
        model = description.get("model")
        kind = model.get("type") if isinstance(model, dict) else None
        self._letters = _byte_letters() if "ByteLevel" in kinds else None
        self._has_bytes = "ByteFallback" in kinds
        self._space = _space(parts)
        if kind not in ("BPE", "Unigram", None) or not (self._letters or self._has_bytes or self._space):
            given = "other tokens" if kind is None else f"tokens of the kind {kind}"
            raise EngineLoadError(f"tokenizer.json: expected byte-level or SentencePiece tokens, got {given}")

    def piece(self, token: str) -> bytes:
        """The bytes of a token that is not an added one."""
        if self._letters is not None:
            try:
                return bytes([self._letters[letter] for letter in token])
            except KeyError:
                return token.encode("utf-8", "replace")
        if self._has_bytes and (byte := _BYTE.fullmatch(token)):
            return bytes([int(byte[1], 16)])
        return (token.replace(self._space, " ") if self._space else token).encode("utf-8", "replace")


def _space(parts: list[dict[str, Any]]) -> str:
    """The character that stands for a space; empty if there is none."""
    for part in parts:
        pattern = part.get("pattern")
        if part["type"] == "Metaspace" and isinstance(part.get("replacement"), str):
            return str(part["replacement"])
        if part["type"] == "Replace" and part.get("content") == " " and isinstance(pattern, dict):
            return str(pattern.get("String") or "")
    return ""


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """The parts of normalizers and the like, which may hold sequences of others."""
    if isinstance(value, list):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value
        for name in ("normalizers", "pretokenizers", "decoders"):
            yield from _parts(value.get(name, []))
