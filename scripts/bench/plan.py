"""Which servers do which workloads."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench.servers.contenders import ALL, Contender
from scripts.bench.workloads.catalog import WORKLOADS

BURSTS = "g"
NAMES = [*(workload.name for workload in WORKLOADS), BURSTS]


class PlanError(ValueError):
    """A name that is not known; the message tells which are."""


def chosen_workloads(words: Sequence[str]) -> list[str]:
    """The workloads that words name, in the table's order: ``b16`` is one, ``b`` all of that letter; none is all.

    Raises:
        PlanError: a word names none.
    """
    chosen: set[str] = set()
    for word in words:
        named = {name for name in NAMES if word in (name, name[0])}
        if not named:
            raise PlanError(f"{word!r} is no workload; accepted are {', '.join(NAMES)} and their letters")
        chosen |= named
    return [name for name in NAMES if name in chosen] if words else list(NAMES)


def chosen_contenders(words: Sequence[str], urls: Sequence[str]) -> list[Contender]:
    """The servers that words name, all if none, among ours and those that run already, given as ``NAME=URL``.

    Raises:
        PlanError: a word names none, or a URL has no name of its own.
    """
    by_name = {contender.name: contender for contender in ALL}
    for given in urls:
        name, _, url = given.partition("=")
        if not name or name in by_name or not url.startswith(("http://", "https://")):
            raise PlanError(f"--url {given}: accepted is NAME=URL with a new name and http:// or https://")
        by_name[name] = Contender(name, url=url.rstrip("/").removesuffix("/v1"))
    for word in words:
        if word not in by_name:
            raise PlanError(f"{word!r} is no server; accepted are {', '.join(by_name)}")
    return [contender for contender in by_name.values() if not words or contender.name in words]


def workloads_of(contender: Contender, chosen: Sequence[str]) -> list[str]:
    """Those of the chosen workloads that a server does."""
    batching = {workload.name for workload in WORKLOADS if workload.needs_batching} | {BURSTS}
    rows = NAMES if contender.rows is None else contender.rows
    return [name for name in chosen if name in rows and (contender.batches or name not in batching)]


def in_turn(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """The order of a round, counted from 0: each begins with another one, so that drifts fall on all."""
    begin = number % len(contenders) if contenders else 0
    return [*contenders[begin:], *contenders[:begin]]
