"""The vocabulary of a GGUF file as the files that transformers saves.

transformers' own conversion leaves out how numbers are split, and fills in what it does not know.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.make_gguf.vocabulary import CONTROL, NORMAL, USER_DEFINED, CopiedVocabulary

UNKNOWN, UNUSED = 2, 5
"""Further types of tokens."""

_USUAL = {"bos": 1, "eos": 2, "unknown": 0}
"""The special tokens of vocabularies of the kind ``llama`` that name none, as llama.cpp has them."""

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_PATTERNS = {"llama-bpe": _WORDS + r"\p{N}{1,3}" + _REST, "qwen2": _WORDS + r"\p{N}" + _REST}
"""How texts are split before anything else, by the names that llama.cpp has for it."""


def write_tokenizer(vocabulary: CopiedVocabulary, folder: Path) -> None:
    """Write a tokenizer.json, a tokenizer_config.json and a chat template.

    Raises:
        ValueError: the vocabulary is of a kind that this does not know.
    """
    described = tokenizer_of(vocabulary)
    (folder / "tokenizer.json").write_text(json.dumps(described, ensure_ascii=False), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings_of(vocabulary), indent=2), "utf-8")
    if vocabulary.template:
        (folder / "chat_template.jinja").write_text(vocabulary.template, "utf-8")


def settings_of(vocabulary: CopiedVocabulary) -> dict[str, Any]:
    """What tokenizer_config.json has."""
    settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")):
        token = special_token(vocabulary, key)
        if token is not None:
            settings[f"{name}_token"] = vocabulary.texts[token]
    return settings


def special_token(vocabulary: CopiedVocabulary, name: str) -> int | None:
    """The token that begins a text (``bos``), ends it (``eos``), and so on; None if there is none."""
    usual = _USUAL.get(name) if vocabulary.text("tokenizer.ggml.model") == "llama" else None
    named = vocabulary.number(f"tokenizer.ggml.{name}_token_id")
    return usual if named is None else named


def tokenizer_of(vocabulary: CopiedVocabulary) -> dict[str, Any]:
    """What tokenizer.json has.

    Raises:
        ValueError: the vocabulary is of a kind that this does not know.
    """
    kind = vocabulary.text("tokenizer.ggml.model")
    if kind not in ("gpt2", "llama"):
        raise ValueError(f"tokenizer.ggml.model: expected gpt2 or llama, got {kind!r}")
    parts = _byte_level(vocabulary) if kind == "gpt2" else _sentence_piece(vocabulary)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added(token, text, kind)
            for token, (text, kind) in enumerate(zip(vocabulary.texts, vocabulary.types, strict=True))
            if kind in (UNKNOWN, CONTROL, USER_DEFINED)
        ],
        "post_processor": _frame(vocabulary),
        **parts,
    }


def _added(token: int, text: str, kind: int) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token, "content": text, **flags, "special": kind != USER_DEFINED}


def _frame(vocabulary: CopiedVocabulary) -> dict[str, Any] | None:
    """What puts a token before each text."""
    adds, bos = vocabulary.number("tokenizer.ggml.add_bos_token"), special_token(vocabulary, "bos")
    if adds is None:  # as llama.cpp decides it
        adds = (
            vocabulary.text("tokenizer.ggml.model") == "llama" or vocabulary.text("tokenizer.ggml.pre") == "llama-bpe"
        )
    if bos is None or not adds:
        return None
    text = vocabulary.texts[bos]
    begin = {"SpecialToken": {"id": text, "type_id": 0}}
    first, second = ({"Sequence": {"id": name, "type_id": at}} for at, name in enumerate("AB"))
    return {
        "type": "TemplateProcessing",
        "single": [begin, first],
        "pair": [begin, first, second],
        "special_tokens": {text: {"id": text, "ids": [bos], "tokens": [text]}},
    }


def _model(vocabulary: CopiedVocabulary, merges: list[list[str]], **settings: Any) -> dict[str, Any]:
    ids = {
        text: token
        for token, (text, kind) in enumerate(zip(vocabulary.texts, vocabulary.types, strict=True))
        if kind != UNUSED
    }
    return {"type": "BPE", "dropout": None, "fuse_unk": False, "vocab": ids, "merges": merges, **settings}


def _byte_level(vocabulary: CopiedVocabulary) -> dict[str, Any]:
    name = vocabulary.text("tokenizer.ggml.pre")
    letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    if name == "smollm":
        splits: list[dict[str, Any]] = [{"type": "Digits", "individual_digits": True}, letters]
    elif name in _PATTERNS:
        split = {"type": "Split", "pattern": {"Regex": _PATTERNS[name]}, "behavior": "Isolated", "invert": False}
        splits = [split, {**letters, "use_regex": False}]
    else:
        raise ValueError(f"tokenizer.ggml.pre: expected smollm, {' or '.join(_PATTERNS)}, got {name!r}")
    merges = [merge.split(" ") for merge in vocabulary.strings("tokenizer.ggml.merges")]
    return {
        "normalizer": {"type": "NFC"} if name == "qwen2" else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": splits},
        "decoder": letters,
        "model": _model(vocabulary, merges, ignore_merges=name == "llama-bpe"),
    }


def _sentence_piece(vocabulary: CopiedVocabulary) -> dict[str, Any]:
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    prepends = vocabulary.number("tokenizer.ggml.add_space_prefix") in (None, 1)
    steps = [{"type": "Prepend", "prepend": "▁"}, replace] if prepends else [replace]
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prepends else []
    spaces = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    return {
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip]},
        "model": _model(vocabulary, _merges_of(vocabulary), unk_token="<unk>", byte_fallback=True) | {"fuse_unk": True},
    }


def _merges_of(vocabulary: CopiedVocabulary) -> list[list[str]]:
    """The pairs that SentencePiece's scores put together, the best first."""
    scores = vocabulary.scores or (0.0,) * len(vocabulary.texts)
    typed = zip(vocabulary.texts, vocabulary.types, strict=True)
    ids = {text: token for token, (text, kind) in enumerate(typed) if kind == NORMAL}
    found = []
    for text, token in ids.items():
        pairs = ((text[:at], text[at:]) for at in range(1, len(text)))
        known = [(ids[left], ids[right]) for left, right in pairs if left in ids and right in ids]
        found += [(-scores[token], token, pair) for pair in sorted(known)]
    return [[vocabulary.texts[token] for token in pair] for _, _, pair in sorted(found)]
