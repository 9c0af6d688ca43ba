"""Reads a folder's tokenizer.json, which is untrusted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.engine import EngineLoadError
from workers.onnx.text.alphabet import Alphabet
from workers.onnx.text.folder_files import parse_object, read_text
from workers.onnx.text.known_tokens import INFILL, known_ends, looks_like_control
from workers.onnx.tokenizer_json import MAX_TOKENIZER_BYTES, NAME, Tokenizer, refused_as_damaged

OTHER_FORMS = ("tokenizer.model", "vocab.json", "vocab.txt", "tokenizer.bin", "tekken.json")
MAX_TOKENS = 4 * 1024 * 1024
TRIAL_TEXTS = ("a", "\n \t\x00\u00e9\u6f22\U0001f600")
"""Some damage shows only when a text becomes tokens."""


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """A tokenizer.json.

    ``source`` is the text for the ``tokenizers`` package, in which exactly the tokens of a chat's structure are marked
    as special. ``added`` are the ids of the tokens that are read wherever their texts are, ``control`` those of a
    chat's structure.
    """

    source: str
    alphabet: Alphabet
    added: dict[str, int]
    control: frozenset[str]

    def open(self) -> Tokenizer:
        """The tokenizer.

        Raises:
            EngineLoadError: it is damaged.
        """
        with refused_as_damaged(NAME):
            tokenizer = Tokenizer.from_str(self.source)
            for text in TRIAL_TEXTS:
                tokenizer.encode(text)
        for text, token in self.added.items():  # the package numbers them itself
            given = tokenizer.token_to_id(text)
            if given != token:
                raise EngineLoadError(f"{NAME}: added_tokens: expected the id {given} for {text!r}, got {token}")
        return tokenizer


def read_tokenizer_file(folder: Path, size: int | None) -> TokenizerFile:
    """The tokenizer.json of a folder.

    Args:
        folder: the model's folder.
        size: the number of tokens of the model; None if it is not known. Added tokens beyond it are left out.

    Raises:
        EngineLoadError: there is none, or it is damaged, too large, or of a kind that is not known.
    """
    text = read_text(folder / NAME, MAX_TOKENIZER_BYTES)
    if text is None:
        raise EngineLoadError(_missing(folder))
    description = parse_object(NAME, text)
    alphabet = Alphabet(description)
    entries = _added_tokens(description)
    kept = [entry for entry in entries if size is None or entry["id"] < size]
    control = _control(kept)
    changed = len(kept) < len(entries) or any(description.get(name) for name in ("truncation", "padding"))
    for entry in kept:
        if entry.get("special") is not (entry["content"] in control):
            entry["special"], changed = entry["content"] in control, True
    if changed:
        text = json.dumps(description | {"added_tokens": kept, "truncation": None, "padding": None})
    return TokenizerFile(text, alphabet, {entry["content"]: entry["id"] for entry in kept}, control)


def _added_tokens(description: dict[str, Any]) -> list[dict[str, Any]]:
    entries = description.get("added_tokens") or []
    if not isinstance(entries, list) or not all(map(_is_token, entries)):
        raise EngineLoadError(f"{NAME}: added_tokens: expected a list of tokens with content and id, got other values")
    return entries


def _is_token(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    content, number = entry.get("content"), entry.get("id")
    return isinstance(content, str) and type(number) is int and 0 <= number < MAX_TOKENS


def _control(entries: list[dict[str, Any]]) -> frozenset[str]:
    """The texts of the tokens of a chat's structure, marked as special or not."""
    texts = {entry["content"] for entry in entries}
    known = known_ends(texts).union(*INFILL)
    return frozenset(
        entry["content"]
        for entry in entries
        if entry.get("special") is True or entry["content"] in known or looks_like_control(entry["content"])
    )


def _missing(folder: Path) -> str:
    others = [name for name in OTHER_FORMS if (folder / name).exists()]
    found = f"only {', '.join(others)}; a tokenizer.json is made by transformers" if others else "none"
    return f"{folder.name}: expected a {NAME}, got {found}"
