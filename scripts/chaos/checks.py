"""Checks at the end: no job is left, nothing has leaked, and the server stops cleanly."""

from __future__ import annotations

import aiohttp

from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer, Figures, reached

IDLE_TIMEOUT_S = 60.0
MAX_MORE_DESCRIPTORS = 14
"""Reconnections open and close sockets, and the first large body opens 7 for good: pyzmq then makes a context of its
own, to notice when a message that is not copied has been sent. A leak grows with the number of faults and exceeds this.
"""

MAX_MORE_BYTES = 128 * 1024 * 1024
"""Allocators keep the memory of large bodies and full caches."""


async def check_idle(server: ChaosServer, session: aiohttp.ClientSession, record: Record) -> None:
    """All workers are ready again, and none has a job."""

    async def idle() -> bool:
        rows = await server.workers(session)
        return len(rows) >= 2 and all(row["state"] == "ready" and row["running"] == row["queued"] == 0 for row in rows)

    if not await reached(idle, IDLE_TIMEOUT_S):
        rows = [
            {name: row[name] for name in ("name", "state", "running", "queued", "detail")}
            for row in await server.workers(session)
        ]
        record.violation(
            f"jobs left or workers not ready {IDLE_TIMEOUT_S:.0f} s after the last request: {rows or 'no answer'}"
        )


async def check_figures(server: ChaosServer, before: dict[str, Figures], record: Record) -> dict[str, Figures]:
    """No process holds more descriptors or memory than before; returns the figures of all processes."""

    async def few_descriptors() -> bool:
        after = server.figures()
        return all(
            role in after and after[role].descriptors <= figures.descriptors + MAX_MORE_DESCRIPTORS
            for role, figures in before.items()
        )

    await reached(few_descriptors, 15.0)
    after = server.figures()
    for role, figures in before.items():
        if role not in after:
            record.violation(f"{role}: the process has ended")
            continue
        if after[role].descriptors > figures.descriptors + MAX_MORE_DESCRIPTORS:
            record.violation(f"{role}: {after[role].descriptors} open descriptors, {figures.descriptors} before")
        if after[role].rss_bytes > figures.rss_bytes + MAX_MORE_BYTES:
            grown = (after[role].rss_bytes - figures.rss_bytes) >> 20
            record.violation(f"{role}: {grown} MiB more memory than before")
    return after


def check_end(server: ChaosServer, record: Record) -> None:
    """SIGTERM ends the server with exit code 0, and all of its processes."""
    code, left = server.stop()
    if code != 0:
        record.violation(f"the server ended with exit code {code}")
    if left:
        record.violation(f"processes outlived the server: {left}")


def table(record: Record, before: dict[str, Figures], after: dict[str, Figures], ties: str) -> str:
    """The result as text."""
    lines = ["", "faults injected"]
    lines += [f"  {count:6}  {kind}" for kind, count in sorted(record.faults.items())]
    lines += [f"       -  {kind}: {why}" for kind, why in sorted(record.skipped.items())]
    lines += ["requests"]
    lines += [f"  {count:6}  {kind}" for kind, count in sorted(record.requests.items())]
    if ties:
        lines += [f"texts that differ after a near-tie, because of their batch's shape: {ties}"]
    lines += [f"longest pause seen by a client: {record.longest_pause_s:.1f} s ({record.longest_pause_of})"]
    lines += ["held before and after          memory (MiB)   descriptors"]
    for role, figures in sorted(before.items()):
        last = after.get(role)
        memory = f"{figures.rss_bytes >> 20:6} {last.rss_bytes >> 20 if last else '-':>6}"
        descriptors = f"{figures.descriptors:6} {last.descriptors if last else '-':>6}"
        lines += [f"  {role:28} {memory} {descriptors}"]
    lines += [f"violations: {len(record.violations)}", *(f"  {violation}" for violation in record.violations[:40])]
    return "\n".join(lines)
