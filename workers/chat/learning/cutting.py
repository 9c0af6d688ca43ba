"""Cuts texts where markers may end: between tags, words and white space, never within them."""

from __future__ import annotations

import re

from workers.chat.parsing.reader import TAG

_ATOMS = re.compile(rf"{TAG.pattern}|</?|\w+|\s|.", re.DOTALL)


class Cutter:
    """Compares texts piece by piece.

    Args:
        tokens: the texts of the model's own marker tokens, which are pieces too.
    """

    def __init__(self, tokens: tuple[str, ...] = ()) -> None:
        own = [re.escape(token) for token in sorted(tokens, key=len, reverse=True) if token]
        self._atoms = re.compile("|".join([*own, _ATOMS.pattern]), re.DOTALL) if own else _ATOMS

    def common_begin(self, one: str, other: str) -> str:
        """The longest text with which both begin."""
        length = 0
        for a, b in zip(self._atoms.findall(one), self._atoms.findall(other), strict=False):
            if a != b:
                break
            length += len(a)
        return one[:length]

    def loose_begin(self, one: str, other: str) -> str:
        """The longest text with which the first begins, and the other too, but for white space."""
        atoms, others = self._atoms.findall(one), self._atoms.findall(other)
        at = other_at = length = end = 0
        while at < len(atoms) and other_at < len(others):
            if atoms[at] == others[other_at]:
                length = end = length + len(atoms[at])
                at, other_at = at + 1, other_at + 1
            elif atoms[at].isspace():
                length, at = length + len(atoms[at]), at + 1
            elif others[other_at].isspace():
                other_at += 1
            else:
                break
        return one[:end]

    def common_end(self, one: str, other: str) -> str:
        """The longest text with which both end."""
        length = 0
        for a, b in zip(reversed(self._atoms.findall(one)), reversed(self._atoms.findall(other)), strict=False):
            if a != b:
                break
            length += len(a)
        return one[len(one) - length :]
