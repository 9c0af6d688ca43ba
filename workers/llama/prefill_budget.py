"""How many prompt tokens a decode step may hold while streams are running."""

from __future__ import annotations

TILE_TOKENS = 64
"""llama.cpp computes attention in tiles of this many tokens: one token more costs a whole tile more."""

MIN_PROMPT_TOKENS = 16
"""Prompt tokens in a step, however slow it is."""

SMOOTHING = 0.2
"""Weight of the newest step in the moving average."""


class PrefillBudget:
    """Keeps steps near ``target_s`` seconds, with at most ``max_tokens`` tokens each.

    The cost of a token is measured from the steps, as an exponential moving average. Steps are whole tiles.
    """

    def __init__(self, max_tokens: int, target_s: float) -> None:
        self._max_tokens = max_tokens
        self._target_s = target_s
        self._token_s = target_s / 128

    def tokens(self, decoding: int) -> int:
        """Prompt tokens for the next step, which also holds ``decoding`` tokens of running streams."""
        tiles = round(self._target_s / self._token_s / TILE_TOKENS)
        min_tiles = -(-(decoding + MIN_PROMPT_TOKENS) // TILE_TOKENS)
        return max(0, min(max(tiles, min_tiles) * TILE_TOKENS, self._max_tokens) - decoding)

    def observe(self, tokens: int, duration_s: float) -> None:
        """Learn from a step of ``tokens`` tokens. Steps smaller than a tile are ignored."""
        if tokens >= TILE_TOKENS:
            self._token_s += SMOOTHING * (duration_s / tokens - self._token_s)
