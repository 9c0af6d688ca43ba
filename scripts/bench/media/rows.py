"""What was measured, as rows: two figures, the median of their ratios in each round, and what that should be."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from scripts.bench.measurements.spread import spread
from scripts.bench.media.beside import STREAMS, EncodeBeside
from scripts.bench.media.text_only import TextRound
from scripts.bench.media.turns import PictureTurns

HEADING = ["work", "first figure", "second figure", "second/first, median (least to most)", "wanted"]

Pair = tuple[float, float]


def beside_rows(rounds: Sequence[EncodeBeside]) -> list[list[str]]:
    """The rows of streams beside an encode."""
    step_s = statistics.median(one.step_s for one in rounds)
    slice_s = statistics.median(one.longest_slice_s for one in rounds)
    node_s = statistics.median(one.longest_node_s for one in rounds)
    embeddings_s = statistics.median(one.embeddings_step_s for one in rounds)
    steps = f"a step takes {step_s:.3f}, the longest with embeddings {embeddings_s:.3f}"
    parts = f"{steps}, the longest slice {slice_s:.3f}, the longest node {node_s:.3f}"
    gaps = [(one.allowed_gap_s, one.worst_gap_s) for one in rounds]
    alone = [(one.alone_s, one.beside_s) for one in rounds]
    kept = [(one.rate_before, one.rate_beside) for one in rounds]
    return [
        _row(f"{STREAMS} streams beside an encode: allowed and worst gap, s ({parts})", gaps, "≤ 1", 3),
        _row("their tokens/s before it and beside it", kept, "≥ 0.40", 1),
        _row("the picture's TTFT alone and beside them, s", alone, "≤ 2.50", 2),
    ]


def turn_rows(rounds: Sequence[PictureTurns]) -> list[list[str]]:
    """The rows of the turns of a chat."""
    first, second, other = (sorted({one.encoded[place] for one in rounds}) for place in range(3))
    cached = f"{min(one.cached for one in rounds):.1%} cached, pieces encoded {_all(first)} and {_all(second)}"
    again = f"pieces encoded {_all(first)} and {_all(other)}"
    return [
        _row(
            f"TTFT of the first and the second turn, s ({cached})",
            [(one.first_s, one.second_s) for one in rounds],
            "≤ 0.10",
            3,
        ),
        _row(f"TTFT of two chats with one picture, s ({again})", [(one.first_s, one.other_s) for one in rounds], "", 3),
    ]


def text_rows(rounds: Sequence[tuple[TextRound, TextRound]]) -> list[list[str]]:
    """The rows of chats without pictures."""

    def pairs(figure: Callable[[TextRound], float]) -> list[Pair]:
        return [(figure(plain), figure(seeing)) for plain, seeing in rounds]

    without = "without a projector and with one"
    return [
        _row(f"text only, one user: tokens/s {without}", pairs(lambda one: one.story), "≥ 0.98", 1),
        _row(f"text only, 16 users: tokens/s {without}", pairs(lambda one: one.crowd), "≥ 0.98", 1),
        _row(f"text only, a prompt of 600 tokens: TTFT {without}, s", pairs(lambda one: one.first_s), "≤ 1.02", 3),
        _row(f"text only, its second turn: TTFT {without}, s", pairs(lambda one: one.second_s), "≤ 1.02", 3),
        _row(f"text only, its second turn: share cached {without}", pairs(lambda one: one.cached), "1.00", 3),
    ]


def _row(work: str, pairs: Sequence[Pair], wanted: str, digits: int) -> list[str]:
    first, second = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratios = spread([two / one for one, two in pairs], 3 if wanted.startswith("≤ 0.1") else 2)
    return [work, f"{first:.{digits}f}", f"{second:.{digits}f}", ratios, wanted]


def _all(counts: Sequence[int]) -> str:
    return " or ".join(map(str, counts))
