"""Memory of a server's processes after its start and after many requests, and what they compute while nobody asks."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from scripts.bench.overheads.rows import Row
from scripts.bench.router_alone.light_client import JSON_END, Connection, WrongAnswer, request_bytes
from scripts.bench.servers.contenders import NEXA, Setting, running

REQUESTS, AT_ONCE = 1000, 8
SETTLING_S = 2.0
"""By then, what a process does after its start is over."""
IDLE_S = 10.0
"""Over so long the processor time of an idle server is counted."""
ROLES = {
    "workers.supervisor": "supervisor",
    "router": "router",
    "workers": "worker",
    "workers.text.sandbox": "sandbox of the worker",
}
"""By the module that the process runs."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds, in bytes, and the processor time that it has used."""

    own_bytes: int
    resident_bytes: int
    cpu_s: float


def measure(path: str, name: str, threads: int) -> list[Row]:
    """Rows of the processes of a server with one model.

    Raises:
        ContenderFailed: the server did not start.
    """
    setting = Setting(Path(path), threads, 4096, 16)
    with running(NEXA, setting) as url:
        host, port = url.removeprefix("http://").split(":")
        time.sleep(SETTLING_S)
        begin = held()
        time.sleep(IDLE_S)
        idle = held()
        uvloop.run(_ask(host, int(port), Path(path).stem))
        end = held()
    return [
        Row(
            f"memory, {role} ({name}, 16 slots)" if "worker" in role else f"memory, {role}",
            f"{_mb(begin[role].own_bytes)} of its own, {_mb(begin[role].resident_bytes)} resident; "
            f"after {REQUESTS:,} requests {_mb(end[role].own_bytes)}, {_mb(end[role].resident_bytes)}; "
            f"idle {(idle[role].cpu_s - begin[role].cpu_s) / IDLE_S * 1e3:.1f} ms of processor time a second",
        )
        for role in ROLES.values()
        if role in begin and role in end
    ]


def held() -> dict[str, Held]:
    """The processes of the server that this process has started, by role; several of one role together."""
    found = dict[str, Held]()
    for process in psutil.Process().children(recursive=True):
        words = process.cmdline()
        role = ROLES.get(words[words.index("-m") + 1]) if "-m" in words else None
        if role is None:
            continue
        memory, times = process.memory_full_info(), process.cpu_times()
        known = found.get(role, Held(0, 0, 0.0))
        found[role] = Held(
            known.own_bytes + memory.uss,
            known.resident_bytes + memory.rss,
            known.cpu_s + times.user + times.system,
        )
    return found


async def _ask(host: str, port: int, model: str) -> None:
    left = iter(range(REQUESTS))

    async def client() -> None:
        connection = await Connection.open(host, port)
        for number in left:
            messages = [{"role": "user", "content": f"Say the number {number}."}]
            body = {"model": model, "messages": messages, "max_tokens": 1}
            answer = b"".join(
                data for _, data in await connection.ask(request_bytes("/v1/chat/completions", body), JSON_END)
            )
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise WrongAnswer(answer[:300].decode("utf-8", "replace"))
        connection.close()

    await asyncio.gather(*[client() for _ in range(AT_ONCE)])


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"
