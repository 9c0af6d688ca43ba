"""Four streams beside a picture: what they wait for their tokens while it is encoded, and what it waits for them."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.bench.media.engines import PICTURE, Arrivals, EngineClock, ask, greedy, picture_file, question, said
from scripts.bench.media.watching import WatchedProjector
from workers.llama.engine import LlamaEngine

STREAMS = 4
ALONE_STEPS = 24
"""Of the streams, from which their speed without a picture is known."""

SLICES = 1.5
"""So many slices or nodes a gap may be longer than the longest step."""


@dataclass(frozen=True, slots=True)
class EncodeBeside:
    """One round, in seconds: a step of the streams by themselves, one with embeddings, and what the encode did to them.

    The rates are tokens per second of all streams, before the picture and while it is encoded. ``alone_s`` and
    ``beside_s`` are the picture's times to the first token without streams and with them.
    """

    step_s: float
    embeddings_step_s: float
    longest_slice_s: float
    longest_node_s: float
    worst_gap_s: float
    rate_before: float
    rate_beside: float
    alone_s: float
    beside_s: float

    @property
    def allowed_gap_s(self) -> float:
        """The longest gap that there should be."""
        return max(self.step_s, self.embeddings_step_s) + SLICES * max(self.longest_slice_s, self.longest_node_s)


def beside_streams(engine: LlamaEngine, watched: WatchedProjector, seed: int) -> EncodeBeside:
    """One round with two new pictures: one by itself, one beside the streams.

    Raises:
        RuntimeError: a job failed.
    """
    alone = ask(engine, question(), [picture_file(2 * seed)], max_tokens=1)
    clock = EngineClock(engine)
    streams = [
        clock.submit(f"stream{number}", greedy([said("user", f"Tell me story {seed}, part {number}.")], 1800))
        for number in range(STREAMS)
    ]
    clock.step_until(lambda: all(stream.tokens_s for stream in streams))
    quiet_s = max(stream.tokens_s[0] for stream in streams)
    clock.step_until(lambda: min(len(stream.tokens_s) for stream in streams) > ALONE_STEPS)
    watched.clear()
    picture = clock.submit(PICTURE, greedy(question(), 1), [picture_file(2 * seed + 1)])
    clock.step_until(lambda: bool(picture.tokens_s))
    round_ = _measured(streams, picture, quiet_s, watched, alone.ttft_s)
    clock.end()
    return round_


def _measured(
    streams: list[Arrivals], picture: Arrivals, quiet_s: float, watched: WatchedProjector, alone_s: float
) -> EncodeBeside:
    return EncodeBeside(
        step_s=statistics.median(gaps(streams, quiet_s, picture.sent_s)),
        embeddings_step_s=watched.longest_step_s,
        longest_slice_s=watched.longest_slice_s,
        longest_node_s=watched.longest_node_s,
        worst_gap_s=max(gaps(streams, watched.began_s, watched.ended_s)),
        rate_before=rate(streams, quiet_s, picture.sent_s),
        rate_beside=rate(streams, watched.began_s, watched.ended_s),
        alone_s=alone_s,
        beside_s=picture.ttft_s,
    )


def gaps(streams: Iterable[Arrivals], began_s: float, ended_s: float) -> list[float]:
    """The times between the tokens of each stream that have some of this span between them."""
    return [
        after - before
        for stream in streams
        for before, after in itertools.pairwise(stream.tokens_s)
        if after > began_s and before < ended_s
    ]


def rate(streams: Iterable[Arrivals], began_s: float, ended_s: float) -> float:
    """The tokens per second of all streams in a span."""
    tokens = sum(began_s < at_s <= ended_s for stream in streams for at_s in stream.tokens_s)
    return tokens / (ended_s - began_s)
