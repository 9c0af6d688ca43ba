"""A small tokenizer of CLIP's kind: all bytes, and merges for a few words."""

from __future__ import annotations

import json
from pathlib import Path

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
WORDS = ("the", "cat", "dog", "house", "lighthouse", "dawn", "photo", "painting", "red", "blue", "of", "at", "an")
LAST = "</w>"


def write_tokenizer(folder: Path, padding: str = END) -> int:
    """Write ``vocab.json`` and ``merges.txt``; returns the number of tokens."""
    folder.mkdir(parents=True)
    letters = list(_bytes_as_letters())
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        parts = [*word[:-1], word[-1] + LAST]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            if pair not in merges:
                merges.append(pair)
            parts = [parts[0] + parts[1], *parts[2:]]
    tokens = [*letters, *(letter + LAST for letter in letters), *("".join(pair) for pair in merges), BEGIN, END]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{first} {second}" for first, second in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    special = {"bos_token": BEGIN, "eos_token": END, "unk_token": END, "pad_token": padding}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    config = {**special, "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return len(vocabulary)


def _bytes_as_letters() -> list[str]:
    """A printable letter for each byte, as in GPT-2's vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]
