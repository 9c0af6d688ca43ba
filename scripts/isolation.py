"""The isolation test: users with secrets in their prompts, while workers and router are killed. Nobody sees another's.

    python -m scripts.isolation                      a minute with smollm2 and the echo engine, two workers of each
    python -m scripts.isolation --seconds 600

Each user has an address of its own and a secret, which its prompts repeat until the model goes on with it. The cache is
too small for all, so prompts are evicted, restored from main memory and preempted. Streams are left and read on, by
their users and by others; jobs, metrics, workers and errors are asked for. All that a user receives is searched for the
secrets of the others, and so is the server's log. The exit code is 1 if one is found, or if answers lack the own one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil

from scripts.chaos.server import ChaosServer

MODELS = ["smollm2", "echo"]
WORDS = ("zebra", "quartz", "violin", "copper", "walrus", "maple", "thunder", "ginger")
COMMON = "These are the notes of one of our guests, who has a word for the door of the house. "
OPTIONS = ["--slots", "4", "--nctx", "512", "--cache-bytes", "20M", "--insecure"]
PATHS = ("/v1/jobs", "/v1/workers", "/metrics", "/health", "/v1/models", "/v1/usage")


@dataclass(slots=True)
class User:
    """One user: an address, a secret, and the job of its last resumable stream."""

    address: str
    secret: str
    job: str = ""
    ended: Counter[str] = field(default_factory=Counter)


class Isolation:
    """The users of one server. ``leaks`` says who saw what of whom, ``forgotten`` which answers lack their secret."""

    def __init__(self, url: str, users: int, seed: int) -> None:
        self._url = url
        self._random = random.Random(seed)
        self.users = [
            User(f"127.0.0.{100 + number}", f"{WORDS[number % 8]}-{4817 + 613 * number}-{WORDS[number // 8]}")
            for number in range(users)
        ]
        self.leaks: list[str] = []
        self.forgotten: list[str] = []

    async def run(self, user: User) -> None:
        """One user's requests, one after the other, until cancelled."""
        kinds = [self._complete, self._complete, self._chat, self._leave_and_read_on, self._pry, self._err]
        connector = aiohttp.TCPConnector(local_addr=(user.address, 0), force_close=True)
        async with aiohttp.ClientSession(self._url, connector=connector) as session:
            while True:
                kind = self._random.choice(kinds)
                try:
                    await kind(session, user)
                    user.ended[kind.__name__.lstrip("_")] += 1
                except (aiohttp.ClientError, TimeoutError, ConnectionError):  # a process was killed
                    user.ended["broken"] += 1
                    await asyncio.sleep(0.2)

    def search(self, seen: str, user: User | None, where: str) -> None:
        """Note the secrets of others in what ``user`` (None: anybody) saw."""
        for other in self.users:
            if other is not user and other.secret in seen:
                at = seen.index(other.secret)
                self.leaks.append(f"{where}: {seen[max(0, at - 60) : at + 60]!r}")

    async def _complete(self, session: aiohttp.ClientSession, user: User) -> None:
        prompt = COMMON + f"The word is {user.secret}. " * self._random.randint(4, 7) + "The word is"
        body = {"model": "smollm2", "prompt": prompt, "max_tokens": 16, "temperature": 0}
        await self._own(session, user, "/v1/completions", body)

    async def _chat(self, session: aiohttp.ClientSession, user: User) -> None:
        body = {"model": "echo", "messages": [{"role": "user", "content": user.secret}]}
        await self._own(session, user, "/v1/chat/completions", body)

    async def _own(self, session: aiohttp.ClientSession, user: User, path: str, body: dict[str, Any]) -> None:
        async with session.post(path, json=body) as answer:
            seen = await answer.text()
        self.search(seen, user, path)
        if answer.status == 200 and user.secret not in seen:
            self.forgotten.append(f"{user.secret}: {seen[:300]}")

    async def _leave_and_read_on(self, session: aiohttp.ClientSession, user: User) -> None:
        body = {
            "model": "smollm2",
            "prompt": f"{user.secret}, " * 20,
            "max_tokens": 40,
            "stream": True,
            "temperature": 0,
        }
        async with session.post("/v1/completions", json=body, headers={"X-Resumable": "true"}) as answer:
            async for line in answer.content:
                self.search(line.decode(), user, "a stream")
                if line.startswith(b"data: {") and self._random.random() < 0.2:
                    user.job = str(json.loads(line[6:]).get("id", ""))
                    break
        if user.job:
            async with session.get(f"/v1/jobs/{user.job}/events") as answer:
                self.search(await answer.text(), user, "a resumed stream")

    async def _pry(self, session: aiohttp.ClientSession, user: User) -> None:
        job = self._random.choice(self.users).job or "none"
        for path in (*PATHS, f"/v1/jobs/{job}", f"/v1/jobs/{job}/events"):
            async with session.get(path) as answer:
                self.search(await answer.text(), user, path)

    async def _err(self, session: aiohttp.ClientSession, user: User) -> None:
        wrong = self._random.choice(({"model": user.secret}, {"temperature": user.secret}, {"grammar": user.secret}))
        async with session.post("/v1/completions", json={"prompt": user.secret, **wrong}) as answer:
            self.search(await answer.text(), user, "an error")


async def _kill(server: ChaosServer, chance: random.Random) -> None:
    """Kill a worker, or sometimes the router, every few seconds."""
    while True:
        await asyncio.sleep(8)
        router = server.router_process()
        victims = [router] if router is not None and chance.random() < 0.2 else server.worker_processes()
        if victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(victims).kill()


@contextlib.asynccontextmanager
async def _running(*works: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [result for result in results if isinstance(result, Exception)]
    if errors:
        raise errors[0]


async def check(seconds: float, users: int, seed: int) -> int:
    """Run the users and print what they saw; returns the exit code."""
    server = ChaosServer(MODELS, 0, 0, seed, OPTIONS)
    isolation = Isolation(server.url, users, seed)
    try:
        async with aiohttp.ClientSession() as session:
            await server.wait_ready(session)
        async with _running(*map(isolation.run, isolation.users), _kill(server, random.Random(seed))):
            await asyncio.sleep(seconds)
    finally:
        server.stop()
    isolation.search(server.output(), None, "the log")
    ended = sum((user.ended for user in isolation.users), Counter())
    print("requests:", ", ".join(f"{kind} {number}" for kind, number in sorted(ended.items())))
    print(f"secrets seen by others: {len(isolation.leaks)}", *isolation.leaks[:10], sep="\n  ")
    print(f"answers without their own secret: {len(isolation.forgotten)}", *isolation.forgotten[:10], sep="\n  ")
    enough = min(ended[kind] for kind in ("complete", "chat", "leave_and_read_on", "pry", "err")) > 0
    return 0 if enough and not isolation.leaks and not isolation.forgotten else 1


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.isolation", description="Search answers for others' secrets."
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--users", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return asyncio.run(check(arguments.seconds, arguments.users, arguments.seed))


if __name__ == "__main__":
    sys.exit(main())
