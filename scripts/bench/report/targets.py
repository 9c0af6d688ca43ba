"""The ratios that the server should reach with a model, and whether it does."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.measurements.figures import Round, cells_of, ratios
from scripts.bench.servers.contenders import BARE_LOOP, LLAMA_CPP_SERVER, LLAMA_SERVER, NEXA, NEXA_2


@dataclass(frozen=True, slots=True)
class Target:
    """A limit for ``ours`` divided by ``theirs`` in a figure of a cell: a minimum, or a maximum with ``at_most``."""

    cell: str
    title: str
    key: str
    ours: str
    theirs: str
    limit: float
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """The result of a target. ``ratio`` is the median over the rounds; None if no round has both figures.

    A target counts as missed if any request of ours failed or any call was invalid. ``remark`` lists failures and
    invalid calls of both servers.
    """

    target: Target
    ratio: float | None
    lowest: float | None
    highest: float | None
    reached: bool
    remark: str = ""


def _against_both(cell: str, title: str, key: str, limits: tuple[float, float | None], at_most: bool) -> list[Target]:
    pairs = zip((LLAMA_SERVER, LLAMA_CPP_SERVER), limits, strict=True)
    return [
        Target(cell, title, key, NEXA.name, them.name, limit, at_most) for them, limit in pairs if limit is not None
    ]


SMALL = [
    *_against_both("a", "(a) one user, tokens/s", "tokens_per_s", (0.97, 1.05), False),
    *_against_both("b16", "(b) 16 users, tokens/s", "tokens_per_s", (1.2, 2.0), False),
    *_against_both("b32", "(b) 32 users, tokens/s", "tokens_per_s", (1.1, 2.0), False),
    *_against_both("c-cold", "(c) cold, total time", "total_s", (0.12, None), True),
    *_against_both("c-warm", "(c) warm, TTFT p95", "ttft_p95_s", (0.5, None), True),
    *_against_both("d", "(d) worst gap of the running streams", "worst_gap_s", (0.1, None), True),
    *_against_both("d", "(d) TTFT p50 of the long prompts", "ttft_p50_s", (1.1, None), True),
    *_against_both("e", "(e) total time", "total_s", (0.8, 0.5), True),
    *_against_both("f", "(f) valid calls/s", "calls_per_s", (1.5, 3.0), False),
    Target("b16", "(b) 16 users, tokens/s", "tokens_per_s", NEXA.name, BARE_LOOP.name, 0.92),
    *(
        Target(f"b{users}", f"(h) {users} users, tokens/s", "tokens_per_s", NEXA_2.name, NEXA.name, 1.0)
        for users in (4, 16, 32)
    ),
    Target("e", "(h) chats, share of prompts from the cache", "cached_share", NEXA_2.name, NEXA.name, 0.9),
]
"""With the packaged model, on which a server's own work weighs most."""

USUAL = [
    *_against_both("a", "(a) one user, tokens/s", "tokens_per_s", (1.0, 1.05), False),
    *_against_both("b16", "(b) 16 users, tokens/s", "tokens_per_s", (2.0, 2.0), False),
    *_against_both("c-cold", "(c) cold, total time", "total_s", (0.15, None), True),
    *_against_both("d", "(d) worst gap of the running streams", "worst_gap_s", (0.1, None), True),
    *_against_both("d", "(d) TTFT p50 of the long prompts", "ttft_p50_s", (1.1, None), True),
    *_against_both("e", "(e) total time", "total_s", (0.9, 0.5), True),
    Target("b16", "(b) 16 users, tokens/s", "tokens_per_s", NEXA.name, BARE_LOOP.name, 0.95),
]
"""With a model of a billion weights or more."""

USUAL_BYTES = 400_000_000
"""The size of a file from which on a model has a usual size."""


def targets_of(model_bytes: int) -> list[Target]:
    """The targets for a model whose file has this size."""
    return USUAL if model_bytes >= USUAL_BYTES else SMALL


def verdicts(rounds: Sequence[Round], targets: Sequence[Target]) -> list[TargetVerdict]:
    """The result of each target for which some round has both cells."""
    return [
        _verdict(target, rounds)
        for target in targets
        if any(
            target.cell in figures.get(target.ours, {}) and target.cell in figures.get(target.theirs, {})
            for figures in rounds
        )
    ]


def _verdict(target: Target, rounds: Sequence[Round]) -> TargetVerdict:
    found = ratios(rounds, target.cell, target.key, target.ours, target.theirs)
    ours, theirs = (_troubles(rounds, server, target.cell) for server in (target.ours, target.theirs))
    remark = "; ".join(f"{whose}: {what}" for whose, what in (("ours", ours), ("theirs", theirs)) if what)
    if not found:
        return TargetVerdict(target, None, None, None, False, remark)
    ratio = statistics.median(found)
    reached = ratio <= target.limit if target.at_most else ratio >= target.limit
    return TargetVerdict(target, ratio, min(found), max(found), reached and not ours, remark)


def _troubles(rounds: Sequence[Round], server: str, cell: str) -> str:
    cells = cells_of(rounds, server, cell)
    counts = [(sum(figures[key] or 0 for figures in cells), key) for key in ("failures", "invalid_calls")]
    return ", ".join(f"{count} {key.replace('_', ' ')}" for count, key in counts if count)
