"""Which files begin like a prompt, without comparing it with each of them.

A file is found by the hashes of its beginnings, one for each :data:`BLOCK_TOKENS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Tokens
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from workers.text.cache.credits import PROMPT_TAIL_TOKENS
from workers.text.cache.disk.prefix_file import PrefixHead
from workers.text.cache.prefix import common_prefix

BLOCK_TOKENS = 64
MAX_COMPARED = 16
"""Files that begin with the same blocks as a prompt: so many are compared with it."""

LEAST_SHARE = 0.75
"""A file is replaced by one that goes on from its prompt only if both have this share of it."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundFile:
    """A file and its head."""

    name: str
    head: PrefixHead


class PrefixIndex:
    """The files of one model and its settings. Not for several threads.

    Without ``can_cut``, a prompt can begin only at the end of what a file holds, or at one of its checkpoints.
    """

    def __init__(self, can_cut: bool = True) -> None:
        self._can_cut = can_cut
        self._files: dict[str, FoundFile] = {}
        self._beginnings: dict[bytes, dict[str, FoundFile]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def names(self) -> set[str]:
        """All files."""
        return set(self._files)

    def add(self, name: str, head: PrefixHead) -> None:
        """Add a file, or replace what is known of it."""
        self.remove(name)
        found = self._files[name] = FoundFile(name, head)
        for beginning in _beginnings(head.tokens, head.owner):
            self._beginnings.setdefault(beginning, {})[name] = found

    def remove(self, name: str) -> None:
        """Forget a file, if it is known."""
        found = self._files.pop(name, None)
        for beginning in _beginnings(found.head.tokens, found.head.owner) if found is not None else ():
            named = self._beginnings[beginning]
            del named[name]
            if not named:
                del self._beginnings[beginning]

    def longest(self, tokens: Tokens[int], owner: bytes) -> tuple[int, FoundFile | None]:
        """The longest beginning of ``tokens`` that an owner's file gives: its length, and the smallest such file."""
        levels = self._levels(tokens, owner)
        best: tuple[int, FoundFile | None] = 0, None
        seen: set[str] = set()
        while levels and len(seen) < MAX_COMPARED and best[0] < len(levels) * BLOCK_TOKENS:
            new = [file for file in levels.pop().values() if file.name not in seen]
            for file in sorted(new, key=lambda file: file.head.file_bytes)[: MAX_COMPARED - len(seen)]:
                seen.add(file.name)
                length = self._given(file.head, tokens)
                if length > best[0]:  # of equals, the smallest file came first
                    best = length, file
        return best

    def beginning_with(self, tokens: Tokens[int], owner: bytes) -> str | None:
        """An owner's file that begins with all of ``tokens``, if there is one."""
        alike = (self._levels(tokens, owner) or [{}])[-1]
        whole = (name for name, file in alike.items() if common_prefix(file.head.tokens, tokens) == len(tokens))
        return next(whole, None)

    def replaced_by(self, tokens: Tokens[int], owner: bytes) -> list[str]:
        """The shorter files of an owner that nobody misses beside one with ``tokens``.

        They hold nothing but a beginning of it, or their prompts are its beginning and the answers differ near the end,
        as those of models whose thoughts are left out of the next turn.
        """
        first = next(_beginnings(tokens, owner), None)
        alike = self._beginnings.get(first, {}) if first is not None else {}
        return [name for name, file in alike.items() if _replaces(tokens, file.head)]

    def _levels(self, tokens: Tokens[int], owner: bytes) -> list[dict[str, FoundFile]]:
        """The files that begin with the first block of an owner's tokens, with the first two, and so on."""
        levels: list[dict[str, FoundFile]] = []
        for beginning in _beginnings(tokens, owner):
            alike = self._beginnings.get(beginning)
            if alike is None:
                break
            levels.append(alike)
        return levels

    def _given(self, head: PrefixHead, tokens: Tokens[int]) -> int:
        common = common_prefix(head.tokens, tokens)
        return common if self._can_cut else head.reach(common)


def _replaces(tokens: Tokens[int], head: PrefixHead) -> bool:
    if len(head.tokens) >= len(tokens):
        return False
    common = common_prefix(head.tokens, tokens)
    goes_on = common >= head.prompt_length - PROMPT_TAIL_TOKENS and common >= LEAST_SHARE * len(head.tokens)
    return common == len(head.tokens) or goes_on


def _beginnings(tokens: Tokens[int], owner: bytes) -> Iterator[bytes]:
    """The hashes of an owner's tokens up to each whole block."""
    packed = np.asarray(tokens, "<i4").tobytes()
    digest = blake2b(owner, digest_size=16)
    for end in range(4 * BLOCK_TOKENS, len(packed) + 1, 4 * BLOCK_TOKENS):
        digest.update(packed[end - 4 * BLOCK_TOKENS : end])
        yield digest.digest()
