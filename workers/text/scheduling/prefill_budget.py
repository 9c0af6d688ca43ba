"""How many prompt tokens a decode step may hold while streams are running."""

from __future__ import annotations

from dataclasses import dataclass

from workers.text.scheduling.prompt_costs import PromptCosts
from workers.text.scheduling.stream_pace import StreamPace

TILE_TOKENS = 64
"""llama.cpp computes attention in tiles of this many tokens: one token more costs another tile.

A smaller batch is computed token by token. Deep in a text each then costs two to three times as much as in a tile.
"""

MIN_PROMPT_TOKENS = 16
"""Minimum number of prompt tokens in a step of tiles, however slow steps are."""

INITIAL_STEP_TOKENS = 128
"""Tokens assumed to take the target time until steps have been measured."""

LONG_PROMPT_TOKENS = 16_384
"""A prompt with so many tokens to compute takes minutes on a CPU: meanwhile streams must go on nearly as before."""

LONG_PART = 1.5
"""What a long prompt may add to the streams' steps, in steps of their own.

With it a step takes 2.5 times as long as without. So hardly any takes more than three times as long.
"""

MAX_ALONE_S = 5.0
"""Prompts that compute alone have the whole batch if that takes less time: who comes meanwhile waits for its end."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a step holds: ``decoding`` tokens of so many ``streams``, and ``prompt`` tokens behind ``depth`` others."""

    streams: int = 0
    decoding: int = 0
    prompt: int = 0
    depth: int = 0


class PrefillBudget:
    """Keeps steps near ``target_s`` seconds, with at most ``max_tokens`` tokens each.

    ``pace`` is what the streams' own steps take. A step holds whole tiles; beside a long prompt, only if these are
    short enough, and else the tokens that :meth:`rows` allows.
    """

    def __init__(self, max_tokens: int, target_s: float) -> None:
        self._max_tokens = max_tokens
        self._target_s = target_s
        self.pace = StreamPace()
        self._in_tiles = PromptCosts(target_s / INITIAL_STEP_TOKENS)
        self._in_rows: PromptCosts | None = None

    def tokens(self, decoding: int, depth: int = 0, is_long: bool = False) -> int:
        """The number of prompt tokens for the next step, which also holds ``decoding`` tokens of running streams.

        ``depth`` is how many tokens of the prompt lie before them, ``is_long`` whether it is a long one.
        """
        target_s = self._target_s
        if is_long:
            target_s = min(target_s, self._added_s() + (self.pace.step_s or 0.0 if decoding else 0.0))
        tiles = round(target_s / self._in_tiles.token_s(depth) / TILE_TOKENS)
        min_tiles = -(-(decoding + MIN_PROMPT_TOKENS) // TILE_TOKENS)
        return max(0, min(max(tiles, min_tiles) * TILE_TOKENS, self._max_tokens) - decoding)

    def alone(self, depth: int) -> int:
        """The number of prompt tokens for a step while nobody else waits for its end."""
        tiles = int(MAX_ALONE_S / self._in_tiles.token_s(depth) / TILE_TOKENS)
        return min(max(tiles, 1) * TILE_TOKENS, self._max_tokens)

    def rows(self, decoding: int, depth: int) -> int:
        """The tokens of a long prompt to compute beside ``decoding`` tokens of streams; 0 if it may have whole tiles.

        There is one at least. It may take longer than it should, but without it the prompt would never end.
        """
        room = TILE_TOKENS - 1 - decoding
        added_s = self._added_s()
        if room < 1 or TILE_TOKENS * self._in_tiles.token_s(depth) <= added_s:
            return 0
        return max(1, min(int(added_s / self._rows().token_s(depth)), room))

    def observe(self, step: PlannedStep, duration_s: float) -> None:
        """Learn from a step."""
        if not step.prompt:
            self.pace.observe(step.streams, duration_s)
            return
        self.pace.pass_by()
        tokens = step.decoding + step.prompt
        if tokens >= TILE_TOKENS:
            self._in_tiles.observe(tokens, step.depth, duration_s)
        elif step.decoding and self.pace.step_s is not None:
            self._rows().observe(step.prompt, step.depth, max(duration_s - self.pace.step_s, 0.0))

    def _added_s(self) -> float:
        """The time that a long prompt may add to a step."""
        return self._target_s if self.pace.step_s is None else min(self._target_s, LONG_PART * self.pace.step_s)

    def _rows(self) -> PromptCosts:
        """At first a token is taken to cost as much as all streams together."""
        if self._in_rows is None:
            self._in_rows = PromptCosts(self.pace.step_s or self._target_s)
        return self._in_rows
