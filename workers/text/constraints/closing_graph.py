"""Searches the states of a grammar for the nearest end."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from time import thread_time
from typing import TypeAlias

import numpy as np
from llguidance import LLMatcher
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

MAX_TRIALS = 6_000
"""Steps tried in one search. A step takes microseconds under most grammars, and milliseconds under some."""

MAX_LENGTH = 1024
"""Longer paths, in tokens, are not followed."""

MAX_STAGE_TRIALS = 1_500
"""Steps tried in the search for the next landmark."""

MIN_LANDMARK_TOKENS = 3
"""At least this many forced tokens in a row, with a quote among them, are a landmark, such as the name of the next
property: what came before it is complete."""

MAX_FULL_EXPANSIONS = 4
"""After this many states that look the same, only the steps that made a difference are tried."""

Look: TypeAlias = int
"""A hash of what may come next: the mask of allowed tokens and the forced bytes."""

Kind: TypeAlias = tuple[Look, frozenset[Look], tuple[int, ...]]
"""What is known of a state without knowing the grammar: its look, the looks one step later, and the fixed texts on the
way to it. States of one kind are mostly the same; they differ where the grammar counts, as in ``[a-z]{60}``."""


@dataclass
class _Node:
    """A text. ``path`` are its tokens, ``texts`` the fixed texts on the way.

    ``route`` is a hash of the looks on the way, where equal ones in a row count as one.
    """

    path: list[int]
    look: Look
    route: int = 0
    texts: tuple[int, ...] = ()
    branches: list[_Node] | None = None


class ClosingGraph:
    """One search from a matcher's text, which it advances and rolls back.

    States of kinds that were seen least often come first, among those the ones with the shortest path. So each kind is
    first reached on a short path, and a state like an earlier one is followed only when no new one is left.
    """

    def __init__(
        self,
        matcher: LLMatcher,
        vocab_size: int,
        letters: Mapping[int, str],
        fixed_texts: list[list[int]],
        is_landmark: Callable[[list[int]], bool] | None = None,
    ) -> None:
        """``letters`` are the tokens of single bytes, the best first, each with a name for its kind of character: of
        letters that lead to states of one look, one of each kind is tried. ``fixed_texts`` are longer steps to try.

        With ``is_landmark`` the search also ends after a step of forced tokens for which it holds.
        """
        self._matcher = matcher
        self._letters = np.array(list(letters), np.intp)
        self._kinds = letters
        self._fixed_texts = fixed_texts
        self._vocab_size = vocab_size
        self._bitmask = allocate_token_bitmask(1, vocab_size)
        self._order = count()
        self._seen: Counter[Kind] = Counter()
        self._seen_at: set[tuple[int, int, Kind]] = set()
        self._expansions: Counter[Look] = Counter()
        self._useful: dict[Look, dict[int, None]] = {}
        self._heap: list[tuple[int, int, int, _Node]] = []
        self._trials = 0
        self._is_landmark = is_landmark

    def shortest(self, within_s: float) -> list[int] | None:
        """The tokens to the end; None if the limit of trials or ``within_s`` seconds of CPU time did not suffice."""
        max_trials = MAX_TRIALS if self._is_landmark is None else MAX_STAGE_TRIALS
        end_at_s = thread_time() + within_s
        if self._matcher.is_accepting():
            return []
        self._push(0, _Node([], self._look()))
        while self._heap and self._trials < max_trials and thread_time() < end_at_s:
            repeats, _, _, node = heapq.heappop(self._heap)
            if node.branches is None:
                found = self._expand(node)
                if found is not None:
                    return found
                seen = self._seen_before(node)
                if seen is None:
                    continue
                repeats = seen
                if repeats > 0:
                    self._push(repeats, node)
                    continue
            for branch in node.branches or []:
                self._push(repeats, branch)
        return None

    def _push(self, repeats: int, node: _Node) -> None:
        if len(node.path) <= MAX_LENGTH:
            heapq.heappush(self._heap, (repeats, len(node.path), next(self._order), node))

    def _seen_before(self, node: _Node) -> int | None:
        """How many states of the node's kind were seen before; None if one was reached by the same route in as
        many tokens."""
        kind = node.look, frozenset(branch.look for branch in node.branches or []), node.texts
        if (len(node.path), node.route, kind) in self._seen_at:
            return None
        self._seen_at.add((len(node.path), node.route, kind))
        self._seen[kind] += 1
        return self._seen[kind] - 1

    def _expand(self, node: _Node) -> list[int] | None:
        """Find the branches of a node; returns the path to one where the search is at its end."""
        self._matcher.consume_tokens(node.path)
        branches: dict[tuple[int | str | None, ...], _Node] = {}
        found: list[int] | None = None
        for tokens, text in self._steps(node.look):
            self._trials += 1
            if not self._matcher.consume_tokens(tokens):  # a limit of the parser, for all that follows too
                self._heap.clear()
                return None
            if self._matcher.is_accepting() or (self._is_landmark is not None and self._is_landmark(tokens)):
                found = node.path + tokens
                break
            if not self._matcher.is_stopped():
                texts = node.texts if text is None else (*node.texts, text)
                look = self._look()
                route = node.route if look == node.look else hash((node.route, look))
                branch = _Node(node.path + tokens, look, route, texts)
                alike: tuple[int | str | None, ...] = texts
                if text is None:
                    alike = (branch.look, self._kinds.get(tokens[0]))
                branches.setdefault(alike, branch)
            self._matcher.rollback(len(tokens))
        node.branches = list(branches.values())
        self._expansions[node.look] += 1
        useful = self._useful.setdefault(node.look, {})
        useful.update((branch.path[len(node.path)], None) for branch in node.branches if branch.texts == node.texts)
        self._matcher.rollback(len(node.path) + (0 if found is None else len(found) - len(node.path)))
        return found

    def _steps(self, look: Look) -> list[tuple[list[int], int | None]]:
        """The steps from the matcher's state, with the number of the fixed text that each is."""
        forced = list(self._matcher.compute_ff_tokens())
        if forced:
            return [(forced, None)]
        if self._expansions[look] < MAX_FULL_EXPANSIONS:
            self._look()
            bits = np.unpackbits(self._bitmask[0].view(np.uint8), bitorder="little", count=self._vocab_size)
            letters = self._letters[bits[self._letters] > 0].tolist() or np.flatnonzero(bits)[:1].tolist()
        else:
            letters = list(self._useful[look])
        texts = [
            (tokens, number)
            for number, tokens in enumerate(self._fixed_texts)
            if self._matcher.validate_tokens(tokens) == len(tokens)
        ]
        return [*(([letter], None) for letter in letters), *texts]

    def _look(self) -> Look:
        fill_next_token_bitmask(self._matcher, self._bitmask, 0)
        return hash((self._bitmask.tobytes(), bytes(self._matcher.compute_ff_bytes())))
