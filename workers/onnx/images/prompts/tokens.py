"""CLIP's tokens of a prompt, in chunks as long as the text encoder's context."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from shared.engines.onnx.folders import read_json
from workers.engine import EngineLoadError
from workers.onnx.images.prompts.emphasis import WeightedText
from workers.onnx.tokenizer_json import NAME, open_tokenizer, refused_as_damaged

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
CONTEXT_TOKENS = 77
"""The context of CLIP, with a token at the begin and one at the end."""

_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""Source: Radford et al. 2021, "Learning transferable visual models from natural language supervision"."""


@dataclass(frozen=True, slots=True)
class PromptChunk:
    """As many token ids as the context has, and the weight of each."""

    ids: list[int]
    weights: list[float]

    @property
    def is_weighted(self) -> bool:
        """Whether a token counts more or less than usual."""
        return any(weight != 1.0 for weight in self.weights)


class ClipTokenizer:
    """The tokenizer in a folder: ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``."""

    def __init__(self, folder: Path) -> None:
        """Read it.

        Raises:
            EngineLoadError: a file is missing or damaged.
        """
        self._tokenizer = _opened(folder)
        self._begin, self._end = self._id_of(folder, BEGIN), self._id_of(folder, END)
        self._padding = self._id_of(folder, _padding(folder))

    def chunks(self, texts: Iterable[WeightedText]) -> list[PromptChunk]:
        """At least one chunk. Where a text ``begins_chunk``, the one before is filled up."""
        found: list[list[tuple[int, float]]] = [[]]
        for text in texts:
            if text.begins_chunk:
                found.append([])
            for token in self._tokenizer.encode(text.text, add_special_tokens=False).ids:
                if len(found[-1]) == CONTEXT_TOKENS - 2:
                    found.append([])
                found[-1].append((token, text.weight))
        return [self._chunk(tokens) for tokens in found]

    def empty_chunk(self) -> PromptChunk:
        """The chunk of no text."""
        return self._chunk([])

    def _chunk(self, tokens: list[tuple[int, float]]) -> PromptChunk:
        padding = CONTEXT_TOKENS - 2 - len(tokens)
        ids = [self._begin, *(token for token, _ in tokens), self._end, *[self._padding] * padding]
        return PromptChunk(ids, [1.0, *(weight for _, weight in tokens), *[1.0] * (padding + 1)])

    def _id_of(self, folder: Path, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise EngineLoadError(f"{folder}: expected a tokenizer of CLIP, got one without the token {token}")
        return int(found)


def _opened(folder: Path) -> Tokenizer:
    whole, vocabulary, merges = (folder / name for name in (NAME, "vocab.json", "merges.txt"))
    try:
        if whole.is_file():
            return open_tokenizer(whole)
        with refused_as_damaged(folder):
            lines = merges.read_text(encoding="utf-8").splitlines()
            pairs = [(first, second) for line in lines for first, _, second in [line.partition(" ")] if second]
            return _byte_pair_tokenizer(json.loads(vocabulary.read_text(encoding="utf-8")), pairs[_comments(lines) :])
    except OSError as error:
        expected = "tokenizer.json, or vocab.json and merges.txt"
        raise EngineLoadError(f"{folder}: expected {expected}: {error.strerror or error}") from None


def _comments(lines: list[str]) -> int:
    """1 if the first line names the version."""
    return int(bool(lines) and lines[0].startswith("#version"))


def _byte_pair_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token=END, end_of_word_suffix="</w>", fuse_unk=False)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.add_special_tokens([token for token in (BEGIN, END) if token in vocabulary])
    return tokenizer


def _padding(folder: Path) -> str:
    """The token that fills a chunk up; Stable Diffusion 2 has its own."""
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        token: Any = read_json(folder / name).get("pad_token")
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            return token
    return END
