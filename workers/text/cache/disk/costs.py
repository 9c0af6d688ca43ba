"""Whether reading a prefix from disk takes less time than computing it again."""

from __future__ import annotations

import threading

from workers.text.cache.copy_costs import MAX_SHARE, MIN_STEP_TOKENS, SMOOTHING

FIRST_READ_BYTES_PER_S = 300e6
"""Until a read was measured: a plain SSD, and the hash of what it gives, are faster; a hard disk is slower."""

FIRST_LOAD_BYTES_PER_S = 1e9
"""Copying a state from main memory into the context, layer by layer, is about this fast; until it was measured."""

FIRST_COMPUTE_S, FIRST_GPU_COMPUTE_S = 1e-3, 0.25e-3
"""What a token of a prompt takes until a step was measured, here or by who wrote the files: small models on a CPU, and
usual ones on a GPU."""

FADING = 0.95
"""What is known of slow reads loses this much whenever one is not worth it, so that it is measured again."""


class ReadCosts:
    """Learns the time of steps and of reads, and says which reads pay. Threads may share it."""

    def __init__(self, on_gpu: bool) -> None:
        self._lock = threading.Lock()
        self._compute_s = FIRST_GPU_COMPUTE_S if on_gpu else FIRST_COMPUTE_S
        self._byte_s = 1 / FIRST_READ_BYTES_PER_S
        self._load_byte_s = 1 / FIRST_LOAD_BYTES_PER_S
        self._read = self._loaded = self._stepped = False

    @property
    def token_s(self) -> float:
        """What computing a token takes; 0 if no step was measured."""
        return self._compute_s if self._stepped else 0.0

    def expect_token(self, token_s: float) -> None:
        """Believe an earlier run's time of a token, until a step is measured."""
        with self._lock:
            if token_s > 0 and not self._stepped:
                self._compute_s = token_s

    def observe_step(self, tokens: int, duration_s: float) -> None:
        """Learn from a step of the model."""
        if tokens < MIN_STEP_TOKENS:
            return
        with self._lock:
            token_s = duration_s / tokens
            self._compute_s += (SMOOTHING if self._stepped else 1.0) * (token_s - self._compute_s)
            self._stepped = True

    def observe_read(self, size: int, duration_s: float) -> None:
        """Learn from a read of so many bytes. Reads that got slower count at once."""
        with self._lock:
            byte_s = duration_s / max(size, 1)
            if not self._read or byte_s > self._byte_s:
                self._byte_s = byte_s
            else:
                self._byte_s += SMOOTHING * (byte_s - self._byte_s)
            self._read = True

    def observe_load(self, size: int, duration_s: float) -> None:
        """Learn from copying so many bytes into the context."""
        with self._lock:
            byte_s = duration_s / max(size, 1)
            self._load_byte_s += (SMOOTHING if self._loaded else 1.0) * (byte_s - self._load_byte_s)
            self._loaded = True

    def expected_s(self, size: int) -> float:
        """How long a read of so many bytes takes, with the copy into the context."""
        return size * (self._byte_s + self._load_byte_s)

    def pays(self, size: int, tokens: int) -> bool:
        """Whether reading so many bytes takes less time than computing these tokens, by a good margin."""
        with self._lock:
            if self.expected_s(size) <= MAX_SHARE * tokens * self._compute_s:
                return True
            usual_s = 1 / FIRST_READ_BYTES_PER_S
            if self._byte_s > usual_s:
                self._byte_s = max(self._byte_s * FADING, usual_s)
            return False
