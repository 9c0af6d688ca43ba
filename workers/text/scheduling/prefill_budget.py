"""How many prompt tokens a decode step may hold while streams are running."""

from __future__ import annotations

TILE_TOKENS = 64
"""llama.cpp computes attention in tiles of this many tokens: one token more costs another tile."""

MIN_PROMPT_TOKENS = 16
"""Minimum number of prompt tokens in a step, however slow steps are."""

INITIAL_STEP_TOKENS = 128
"""Tokens assumed to take the target time until steps have been measured."""

SMOOTHING = 0.2
"""Weight of the newest step in the moving average."""


class PrefillBudget:
    """Keeps steps near ``target_s`` seconds, with at most ``max_tokens`` tokens each.

    The time per token is an exponential moving average over the steps. Steps are whole tiles.
    """

    def __init__(self, max_tokens: int, target_s: float) -> None:
        self._max_tokens = max_tokens
        self._target_s = target_s
        self._token_s = target_s / INITIAL_STEP_TOKENS

    def tokens(self, decoding: int) -> int:
        """The number of prompt tokens for the next step, which also holds ``decoding`` tokens of running streams."""
        tiles = round(self._target_s / self._token_s / TILE_TOKENS)
        min_tiles = -(-(decoding + MIN_PROMPT_TOKENS) // TILE_TOKENS)
        return max(0, min(max(tiles, min_tiles) * TILE_TOKENS, self._max_tokens) - decoding)

    def observe(self, tokens: int, duration_s: float) -> None:
        """Learn from a step of ``tokens`` tokens. Steps smaller than a tile are ignored."""
        if tokens >= TILE_TOKENS:
            self._token_s += SMOOTHING * (duration_s / tokens - self._token_s)
