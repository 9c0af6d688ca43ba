"""Prompt lookup: a text that repeats itself is drafted from what followed the same tokens the last time.

The idea is Saxena's (2023, "Prompt Lookup Decoding"): answers copy names, code and sentences from their prompts.
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from dataclasses import dataclass

from workers.text.cache.pseudo_tokens import text_run

KEY_TOKENS = 3
"""A place is found by so many tokens before it."""

MAX_MATCHED = 16
"""So many tokens before a place are compared at most: a longer match says no more."""

MAX_PLACES = 8
"""So many places are compared, the latest first."""

INDEXED_PER_STEP = 4096
"""A long prompt is indexed in several steps, as a step's sequences wait for it: about 2 ms for so many tokens."""


@dataclass(frozen=True, slots=True)
class FoundTokens:
    """What may come next, and how many tokens before it are those of the place where it was found."""

    tokens: list[int]
    matched: int


class TokenIndex:
    """The places of a text's tokens, by the tokens before them. The text may grow: each token is indexed once."""

    def __init__(self, text: list[int]) -> None:
        self._text = text
        self._latest: dict[tuple[int, ...], int] = {}
        self._earlier: dict[int, int] = {}
        self._indexed = KEY_TOKENS

    def follow(self) -> bool:
        """Index what is new in the text, some thousand tokens at a time; whether that was all.

        The place behind the last token is left out, since nothing followed it yet.
        """
        text, latest = self._text, self._latest
        end = min(len(text), self._indexed + INDEXED_PER_STEP)
        for place in range(self._indexed, end):
            key = tuple(text[place - KEY_TOKENS : place])
            earlier = latest.get(key)
            if earlier is not None:
                self._earlier[place] = earlier
            latest[key] = place
        self._indexed = max(self._indexed, end)
        return end >= len(text)

    def find(self, tokens: list[int], most: int) -> FoundTokens | None:
        """What followed the last of ``tokens`` in the text: at most ``most`` tokens, from the place that matches best.

        A text that ends with what it repeats is continued as if it went on so.
        """
        place = self._latest.get(tuple(tokens[-KEY_TOKENS:]))
        best, best_matched = -1, 0
        for _ in range(MAX_PLACES):
            if place is None:
                break
            matched = self._matched(tokens, place)
            if matched > best_matched:
                best, best_matched = place, matched
            place = self._earlier.get(place)
        found = [] if best < 0 else self._from(best, most, tokens is self._text)
        found = found[: text_run(found, 0)]  # nobody writes pictures
        return FoundTokens(found, best_matched) if found else None

    def _matched(self, tokens: Ordered[int], place: int) -> int:
        """How many tokens before a place are the last of ``tokens``."""
        most = min(MAX_MATCHED, place, len(tokens))
        matched = KEY_TOKENS
        while matched < most and self._text[place - matched - 1] == tokens[-matched - 1]:
            matched += 1
        return matched

    def _from(self, place: int, most: int, repeats: bool) -> list[int]:
        text = self._text
        found = text[place : place + most]
        if repeats:
            period = len(text) - place
            while len(found) < most:
                found.append(found[len(found) - period])
        return found


class Lookup:
    """Drafts for one sequence, from a text that the client expects if there is one, and from its own tokens."""

    def __init__(self, tokens: list[int], prompt_length: int, prediction: list[int]) -> None:
        self._tokens = tokens
        self._prompt_length = prompt_length
        self._prediction = prediction
        self._own = TokenIndex(tokens)
        self._predicted = TokenIndex(prediction)

    def find(self, most: int) -> list[tuple[FoundTokens, bool]]:
        """What may come next, and whether it is of the prediction: at most one thing of each text."""
        found = []
        predicted = self._find_predicted(most)
        if predicted is not None and predicted.tokens:
            found.append((predicted, True))
        own = self._own.find(self._tokens, most) if self._own.follow() else None
        if own is not None:
            found.append((own, False))
        return found

    def _find_predicted(self, most: int) -> FoundTokens | None:
        if not self._prediction or not self._predicted.follow():
            return None
        begun = len(self._tokens) - self._prompt_length
        if begun < KEY_TOKENS:
            matches = self._tokens[self._prompt_length :] == self._prediction[:begun]
            return FoundTokens(self._prediction[begun : begun + most], MAX_MATCHED) if matches else None
        tail = self._tokens[max(self._prompt_length, len(self._tokens) - MAX_MATCHED) :]
        return self._predicted.find(tail, most)
