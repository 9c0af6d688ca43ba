"""Weights of words in prompts: ``(word)`` counts 1.1 times, ``[word]`` 1 / 1.1 times, ``(word:1.3)`` 1.3 times."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROUND, SQUARE = 1.1, 1 / 1.1

_PARTS = re.compile(r"\\[()\[\]\\]|\(|\[|:([+-]?[.\d]+)\)|\)|\]", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_BREAK = re.compile(r"\s*\bBREAK\b\s*")


@dataclass(frozen=True, slots=True)
class WeightedText:
    """A part of a prompt. If ``begins_chunk``, the word BREAK stands before it."""

    text: str
    weight: float
    begins_chunk: bool = False


def weighted_texts(prompt: str) -> list[WeightedText]:
    """The parts of a prompt with their weights; brackets nest, and those left open reach to the end.

    A backslash makes the next bracket a plain one. The weights have been checked.
    """
    read = _Brackets()
    end = 0
    for part in _PARTS.finditer(prompt):
        read.add(prompt[end : part.start()])
        end = part.end()
        match part[0]:
            case "(" | "[" as bracket:
                read.open(bracket)
            case ")" if read.close("(", ROUND):
                pass
            case "]" if read.close("[", SQUARE):
                pass
            case found if part[1] is not None and read.close("(", _number(part[1])):
                pass
            case found:
                read.add(found[1:] if found.startswith("\\") else found)
    read.add(prompt[end:])
    while read.close("(", ROUND) or read.close("[", SQUARE):
        pass
    return [
        WeightedText(text, weight, begins_chunk=index > 0)
        for part, weight in _joined(read.texts, read.weights)
        for index, text in enumerate(_BREAK.split(part))
    ]


class _Brackets:
    """The texts so far with their weights, and which of them the open brackets begin with."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.weights: list[float] = []
        self._begins: dict[str, list[int]] = {"(": [], "[": []}

    def add(self, text: str) -> None:
        if text:
            self.texts.append(text)
            self.weights.append(1.0)

    def open(self, bracket: str) -> None:
        self._begins[bracket].append(len(self.texts))

    def close(self, bracket: str, factor: float) -> bool:
        """Give what is in the last open bracket its weight; False if none is open."""
        if not self._begins[bracket]:
            return False
        for index in range(self._begins[bracket].pop(), len(self.weights)):
            self.weights[index] *= factor
        return True


def _number(text: str) -> float:
    found = _NUMBER.match(text)
    return float(found[0]) if found else 1.0


def _joined(texts: list[str], weights: list[float]) -> list[tuple[str, float]]:
    """Neighbours of the same weight in one, so that a plain bracket is no border between words."""
    joined: list[tuple[str, float]] = []
    for text, weight in zip(texts, weights, strict=True):
        if joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + text, weight)
        else:
            joined.append((text, weight))
    return joined
