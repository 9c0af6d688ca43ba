"""Folders with a tokenizer.json, without a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.make_gguf.vocabulary import CopiedVocabulary, read_vocabulary
from scripts.make_onnx.text.tokenizer import special_token, write_tokenizer


def folder_of_gguf(path: Path, folder: Path) -> Path:
    """The vocabulary and the chat template of a GGUF file as a folder."""
    return folder_of(read_vocabulary(path), folder)


def folder_of(vocabulary: CopiedVocabulary, folder: Path) -> Path:
    """A vocabulary and its chat template as a folder."""
    folder.mkdir(exist_ok=True)
    write_tokenizer(vocabulary, folder)
    settings: dict[str, Any] = {"vocab_size": len(vocabulary.texts)}
    for name in ("bos", "eos"):
        token = special_token(vocabulary, name)
        if token is not None:
            settings[f"{name}_token_id"] = token
    write_json(folder / "genai_config.json", {"model": settings})
    return folder


def letters_folder(folder: Path, words: Sequence[str] = (), **parts: Any) -> Path:
    """A folder with a byte-level vocabulary: ``<end>``, ``<think>``, letters of ASCII, then words made of two others.

    ``parts`` are entries of the tokenizer.json that are other ones than usual.
    """
    folder.mkdir(exist_ok=True)
    texts = ["<end>", "<think>", *map(chr, range(0x21, 0x7F)), "Ġ", "Ċ", *words]
    merges = [
        [word[:at], word[at:]] for word in words for at in range(1, len(word)) if {word[:at], word[at:]} <= {*texts}
    ]
    model = {"type": "BPE", "vocab": {text: token for token, text in enumerate(texts)}, "merges": merges}
    letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [added_token(0, "<end>"), added_token(1, "<think>", special=False)]
    described = {"version": "1.0", "added_tokens": added, "pre_tokenizer": letters, "decoder": letters, "model": model}
    write_json(folder / "tokenizer.json", described | parts)
    write_json(folder / "genai_config.json", {"model": {"eos_token_id": 0}})
    return folder


def added_token(token: int, text: str, special: bool = True, **flags: bool) -> dict[str, Any]:
    """A token that is read wherever its text is."""
    usual = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token, "content": text, "special": special, **usual, **flags}


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON."""
    path.write_text(json.dumps(value), "utf-8")
