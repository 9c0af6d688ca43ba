"""A long prompt beside four streams: what they wait for their tokens, and how fast the prompt is computed meanwhile."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from scripts.bench.depth.engines import DeepEngine
from scripts.bench.depth.filling import BLOCK
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Failed
from workers.engine import EngineJob
from workers.text.scheduling.prefill_budget import LONG_PROMPT_TOKENS

STREAMS = 4
ALONE_STEPS = 24


@dataclass(frozen=True, slots=True)
class BesideStreams:
    """Seconds: the median step of the streams alone, their median and worst gap beside the prompt.

    ``tokens_per_s`` of the prompt were computed.
    """

    alone_s: float
    median_gap_s: float
    worst_gap_s: float
    tokens_per_s: float


class Streams:
    """Four streams of one engine; ``gaps_s`` are the times between the tokens of each."""

    def __init__(self, deep: DeepEngine) -> None:
        self._deep = deep
        self.gaps_s: list[float] = []
        self._seen: dict[str, tuple[int, float]] = {}
        for number in range(STREAMS):
            prompt = deep.prompt(BLOCK)[::-1][100 * number :][:64]  # they share nothing, neither with the long prompt
            job = TextJob(prompt_tokens=prompt, sampling=Sampling(temperature=0), max_tokens=900, ignore_eos=True)
            deep.engine.submit(EngineJob(f"stream{number}", job, []))
        while len(self._seen) < STREAMS:
            self.step()
        self.gaps_s.clear()

    def step(self) -> None:
        """One step of the engine.

        Raises:
            RuntimeError: the engine failed.
        """
        for _, payload in self._deep.engine.step():
            if isinstance(payload, Failed):
                raise RuntimeError(payload.message)
        now_s = time.perf_counter()
        for name, sequence in self._deep.engine._sequences.items():
            generated, last_s = self._seen.get(name, (0, now_s))
            if name.startswith("stream") and sequence.generated > generated:
                if generated:
                    self.gaps_s.append(now_s - last_s)
                self._seen[name] = sequence.generated, now_s

    def end(self) -> None:
        """Cancel them."""
        for number in range(STREAMS):
            self._deep.engine.cancel(f"stream{number}")


def beside_streams(deep: DeepEngine, depth: int, seconds: float) -> BesideStreams:
    """A prompt of which ``depth`` tokens are computed already and at least 16,384 are not, for so many seconds."""
    deep.fill(depth)
    streams = Streams(deep)
    while len(streams.gaps_s) < STREAMS * ALONE_STEPS:
        streams.step()
    alone_s = statistics.median(streams.gaps_s)
    engine = deep.engine
    prompt = deep.prompt(depth + LONG_PROMPT_TOKENS)
    engine.submit(EngineJob("long", TextJob(prompt_tokens=prompt, max_tokens=1), []))
    while "long" not in engine._sequences or engine._sequences["long"].computed < depth + 1:
        streams.step()
    long = engine._sequences["long"]
    streams.gaps_s.clear()
    began_at_s, began = time.perf_counter(), long.computed
    while time.perf_counter() < began_at_s + seconds and long.pending > 1:
        streams.step()
    rate = (long.computed - began) / (time.perf_counter() - began_at_s)
    found = BesideStreams(alone_s, statistics.median(streams.gaps_s), max(streams.gaps_s), rate)
    engine.cancel("long")
    streams.end()
    return found
