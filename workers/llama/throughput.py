"""What an engine has done since it was loaded, and how fast it is now."""

from __future__ import annotations

import time

from shared.wire.messages import EngineStats

WINDOW_S = 5.0


class Throughput:
    """Counts tokens; the rate is that of generated tokens over the last seconds."""

    def __init__(self) -> None:
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._generated_tokens = 0
        self._steps = 0
        self._marks: list[tuple[float, int]] = []

    def count(self, computed: int, generated: int) -> None:
        """A step computed ``computed`` tokens and produced ``generated`` new ones."""
        self._steps += 1
        self._generated_tokens += generated
        now_s = time.monotonic()
        if not self._marks or now_s - self._marks[-1][0] >= WINDOW_S / 20:
            self._marks.append((now_s, self._generated_tokens))
            self._marks = [mark for mark in self._marks if now_s - mark[0] <= WINDOW_S]

    def count_prompt(self, tokens: int, cached: int) -> None:
        """A prompt was taken in, ``cached`` of its tokens from the KV cache."""
        self._prompt_tokens += tokens
        self._cached_tokens += cached

    def stats(
        self, running: int, waiting: int, kv_used_tokens: int, kv_total_tokens: int, preemptions: int
    ) -> EngineStats:
        """The totals together with the load at this moment."""
        return EngineStats(
            running=running,
            waiting=waiting,
            kv_used_tokens=kv_used_tokens,
            kv_total_tokens=kv_total_tokens,
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self._cached_tokens,
            generated_tokens=self._generated_tokens,
            steps=self._steps,
            preemptions=preemptions,
            tokens_per_s=self._rate(),
        )

    def _rate(self) -> float:
        now_s = time.monotonic()
        marks = [mark for mark in self._marks if now_s - mark[0] <= WINDOW_S]
        if not marks or now_s == marks[0][0]:
            return 0.0
        return round((self._generated_tokens - marks[0][1]) / (now_s - marks[0][0]), 1)
