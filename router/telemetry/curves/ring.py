"""The samples of the last quarter of an hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from router.telemetry.curves.machine import MachineFigures

INTERVAL_S = 2.0
KEEP_S = 900.0
MAX_SAMPLES = int(KEEP_S / INTERVAL_S)


@dataclass(frozen=True, slots=True)
class LoadSample:
    """The load of one model, or of all, in an interval.

    ``running`` and ``waiting`` are numbers of jobs at its end. Latencies are in seconds, None where none was measured.
    """

    tokens_per_s: float
    prompt_tokens_per_s: float
    running: int
    waiting: int
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    itl_p50_s: float | None
    itl_p95_s: float | None


NO_LOAD = LoadSample(0.0, 0.0, 0, 0, None, None, None, None)
"""That of a model that was not served."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The server in an interval that ended ``at_s``, since the epoch. ``machine`` is None if it did not answer."""

    at_s: float
    total: LoadSample
    models: Mapping[str, LoadSample]
    machine: MachineFigures | None


class CurveRing:
    """The latest samples, at most ``MAX_SAMPLES``."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)

    def add(self, sample: Sample) -> None:
        """Add the newest sample."""
        self._samples.append(sample)

    def after(self, at_s: float) -> list[Sample]:
        """The samples after this time, oldest first."""
        return list(self._after(at_s))[::-1]

    def _after(self, at_s: float) -> Iterator[Sample]:
        for sample in reversed(self._samples):
            if sample.at_s <= at_s:
                return
            yield sample
