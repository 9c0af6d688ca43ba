"""What must be so when all is over: nothing runs, nothing waits, nothing is kept."""

from __future__ import annotations

import aiohttp

from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer, Figures, reached

CALM_TIMEOUT_S = 60.0
MORE_DESCRIPTORS = 6
"""Sockets come and go with reconnections; a leak grows with the number of faults."""

MORE_BYTES = 128 * 1024 * 1024
"""Allocators keep what large bodies and full caches took."""


async def check_calm(server: ChaosServer, session: aiohttp.ClientSession, record: Record) -> None:
    """All workers serve again, and no job is left in any of them."""

    async def calm() -> bool:
        rows = await server.workers(session)
        return len(rows) >= 2 and all(row["state"] == "ready" and row["running"] == row["queued"] == 0 for row in rows)

    if not await reached(calm, CALM_TIMEOUT_S):
        rows = [
            {name: row[name] for name in ("name", "state", "running", "queued", "detail")}
            for row in await server.workers(session)
        ]
        record.violation(f"not calm {CALM_TIMEOUT_S:.0f} s after the last request: {rows or 'no answer'}")


async def check_figures(server: ChaosServer, before: dict[str, Figures], record: Record) -> dict[str, Figures]:
    """No process holds more descriptors or memory than before; returns what each holds."""

    async def few_descriptors() -> bool:
        after = server.figures()
        return all(
            role in after and after[role].descriptors <= figures.descriptors + MORE_DESCRIPTORS
            for role, figures in before.items()
        )

    await reached(few_descriptors, 15.0)
    after = server.figures()
    for role, figures in before.items():
        if role not in after:
            record.violation(f"{role}: there is no such process any more")
            continue
        if after[role].descriptors > figures.descriptors + MORE_DESCRIPTORS:
            record.violation(f"{role}: {after[role].descriptors} open descriptors, {figures.descriptors} before")
        if after[role].rss_bytes > figures.rss_bytes + MORE_BYTES:
            grown = (after[role].rss_bytes - figures.rss_bytes) >> 20
            record.violation(f"{role}: {grown} MiB more memory than before")
    return after


def check_end(server: ChaosServer, record: Record) -> None:
    """SIGTERM ends the server with exit code 0, and no process outlives it."""
    code, left = server.stop()
    if code != 0:
        record.violation(f"the server ended with exit code {code}")
    if left:
        record.violation(f"processes outlived the server: {left}")


def table(record: Record, before: dict[str, Figures], after: dict[str, Figures], ties: str) -> str:
    """The result for people to read."""
    lines = ["", "faults injected"]
    lines += [f"  {count:6}  {kind}" for kind, count in sorted(record.faults.items())]
    lines += [f"       -  {kind}: {why}" for kind, why in sorted(record.skipped.items())]
    lines += ["requests"]
    lines += [f"  {count:6}  {kind}" for kind, count in sorted(record.requests.items())]
    if ties:
        lines += [f"texts that differ from a near-tie on, by the arithmetic of their batch: {ties}"]
    lines += [f"longest pause seen by a client: {record.longest_pause_s:.1f} s ({record.longest_pause_of})"]
    lines += ["held before and after          memory (MiB)   descriptors"]
    for role, figures in sorted(before.items()):
        last = after.get(role)
        memory = f"{figures.rss_bytes >> 20:6} {last.rss_bytes >> 20 if last else '-':>6}"
        descriptors = f"{figures.descriptors:6} {last.descriptors if last else '-':>6}"
        lines += [f"  {role:28} {memory} {descriptors}"]
    lines += [f"violations: {len(record.violations)}", *(f"  {violation}" for violation in record.violations[:40])]
    return "\n".join(lines)
