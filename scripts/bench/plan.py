"""Which servers run which workloads."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.bench.servers.contenders import ALL, BARE_LOOP, LLAMA_SERVER, NEXA, OTHER_SETTINGS, Contender
from scripts.bench.workloads.catalog import WORKLOADS

BURSTS = "g"
NEXA_ONNX = "nexa onnx"
NAMES = [*(workload.name for workload in WORKLOADS), BURSTS]
USUAL_WORKLOADS = ("a", "b16", "c", "d", "e")
USUAL_SERVERS = (BARE_LOOP.name, NEXA.name, LLAMA_SERVER.name)
"""What is measured of a model of a usual size unless others are named: all else would take hours on a few cores."""


class PlanError(ValueError):
    """An unknown name; the message lists the known ones."""


def chosen_workloads(words: Sequence[str]) -> list[str]:
    """The named workloads, in the table's order. ``b16`` names one, ``b`` all of that letter, no words name all.

    Raises:
        PlanError: a word names none.
    """
    chosen: set[str] = set()
    for word in words:
        named = {name for name in NAMES if word in (name, name[0])}
        if not named:
            raise PlanError(f"--only: expected {', '.join(NAMES)} or their letters, got {word}")
        chosen |= named
    return [name for name in NAMES if name in chosen] if words else list(NAMES)


def chosen_contenders(words: Sequence[str], urls: Sequence[str], onnx: str = "") -> list[Contender]:
    """The named servers, all without words.

    ``urls`` adds servers that are already running, as ``NAME=URL``, and ``onnx`` this server with a folder in ONNX.

    Raises:
        PlanError: a word names no server, or a URL has no new name.
    """
    by_name = {contender.name: contender for contender in ALL}
    by_name |= {contender.name: contender for contender in OTHER_SETTINGS if contender.name in words}
    if onnx:
        by_name[NEXA_ONNX] = Contender(NEXA_ONNX, onnx=onnx)
    for given in urls:
        name, _, url = given.partition("=")
        if not name or name in by_name or not url.startswith(("http://", "https://")):
            raise PlanError(f"--url: expected NAME=URL with a new name and http:// or https://, got {given}")
        by_name[name] = Contender(name, url=url.rstrip("/").removesuffix("/v1"))
    for word in words:
        if word not in by_name:
            known = dict.fromkeys([*by_name, *(contender.name for contender in OTHER_SETTINGS)])
            raise PlanError(f"--servers: expected {', '.join(known)}, got {word}")
    return [contender for contender in by_name.values() if not words or contender.name in words]


def workloads_of(contender: Contender, chosen: Sequence[str]) -> list[str]:
    """The chosen workloads that a server runs."""
    batching = {workload.name for workload in WORKLOADS if workload.needs_batching} | {BURSTS}
    rows = NAMES if contender.rows is None else contender.rows
    return [name for name in chosen if name in rows and (contender.batches or name not in batching)]


def in_turn(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """The servers in the order of round ``number``. Each round begins with another one, so that drift affects all."""
    begin = number % len(contenders) if contenders else 0
    return [*contenders[begin:], *contenders[:begin]]
