"""Requests that must be refused, or that harm others if they are not handled well."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import aiohttp

from scripts.chaos.faults.injection import Kinds
from scripts.chaos.record import Record
from scripts.chaos.server import POISON, ChaosServer

HUGE_BYTES = 33 * 1024 * 1024
NEARLY_TOO_LARGE_BYTES = (8_000_000 - 100, 2_000_000 - 100)
"""Just below the default limits of a body with text, which is refused then, and of text, which is served."""
GARBAGE_TIMEOUT_S = 60.0

FLOOD_ADDRESS = "127.0.0.66"
"""The address of another user, who sends many requests at once and leaves."""
FLOOD_REQUESTS = 100
FLOOD_WORDS = 300
FLOOD_S = 2.0

BAD_BODIES: tuple[Any, ...] = (
    b'{"prompt": "Once upon',
    b"\xff\xfe\x00garbage",
    b"[]",
    b'"a string"',
    b'{"prompt": 7, "max_tokens": "many"}',
    b'{"prompt": "a", "temperature": "warm"}',
    b'{"prompt": "a", "max_tokens": -1}',
    b'{"prompt": ["a", {"b": []}]}',
    b'{"prompt": "a", "model": "no such model"}',
    b'{"prompt": "a", "n": 1000}',
    b"[" * 5000 + b"]" * 5000,
)


class RequestFaults:
    """Sends garbage, floods and poison.

    Args:
        speech: a speech model is served; it is sent damaged recordings.
        echo: the echo engine answers, whose workers a prompt can kill.
    """

    def __init__(self, server: ChaosServer, record: Record, chooser: random.Random, speech: bool, echo: bool) -> None:
        self._server = server
        self._record = record
        self._random = chooser
        self._speech = speech
        self._echo = echo
        if not speech:
            record.skipped["damaged audio"] = "no speech model is served (--speech)"
        if not echo:
            record.skipped["request that kills its workers"] = "only the echo engine dies of a prompt"

    @property
    def kinds(self) -> Kinds:
        """What the served models allow."""
        return (
            (3.0, self._send_garbage),
            (0.5, self._send_too_much),
            (0.5, self._send_nearly_too_much),
            (0.7, self._flood),
            *([(1.5, self._send_damaged_audio)] if self._speech else []),
            *([(1.0, self._send_poison)] if self._echo else []),
        )

    async def _send_garbage(self, session: aiohttp.ClientSession) -> None:
        body = self._random.choice(BAD_BODIES)
        path = self._random.choice(["/v1/completions", "/v1/chat/completions", "/v1/function-calling"])
        await self._refused(session, "bad JSON or wrong types", path, data=body)

    async def _send_too_much(self, session: aiohttp.ClientSession) -> None:
        body = b'{"prompt": "' + bytes(HUGE_BYTES).replace(b"\0", b"a") + b'"}'
        await self._refused(session, "body of 33 MB", "/v1/completions", data=body)

    async def _send_nearly_too_much(self, session: aiohttp.ClientSession) -> None:
        """Ask for many choices of the longest prompt. It may be refused; everybody else is served meanwhile."""
        size = self._random.choice(NEARLY_TOO_LARGE_BYTES)
        head, tail = b'{"n": 16, "max_tokens": 4, "prompt": "', b'"}'
        body = head + b"a " * ((size - len(head) - len(tail)) // 2) + tail
        kind, started_at_s = f"body of {size / 1e6:.1f} MB with n=16", self._record.now_s()
        self._record.fault(kind)
        headers, timeout = {"Content-Type": "application/json"}, aiohttp.ClientTimeout(GARBAGE_TIMEOUT_S)
        try:
            url = f"{self._server.url}/v1/completions"
            async with session.post(url, data=body, headers=headers, timeout=timeout) as answer:
                text = (await answer.text())[:200]
                if answer.status not in (200, 400, 413, 429, 503):
                    self._record.violation(f"{kind}: answered {answer.status} {text}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"{kind}: {error!r}")

    async def _flood(self, _: aiohttp.ClientSession) -> None:
        """Let another user send many long prompts with long answers at once, and leave before most are answered."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True, local_addr=(FLOOD_ADDRESS, 0))
        self._record.fault("flood of another user")
        async with aiohttp.ClientSession(connector=connector) as session:
            tasks = [asyncio.create_task(self._ask_for_much(session, number)) for number in range(FLOOD_REQUESTS)]
            await asyncio.wait(tasks, timeout=FLOOD_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_for_much(self, session: aiohttp.ClientSession, number: int) -> None:
        body = {"prompt": f"{number} " + "word " * FLOOD_WORDS, "max_tokens": 1000, "ignore_eos": True}
        started_at_s = self._record.now_s()
        try:
            async with session.post(f"{self._server.url}/v1/completions", json=body) as answer:
                text = (await answer.text())[:200]
                if answer.status not in (200, 429):
                    self._record.violation(f"flood of another user: answered {answer.status} {text}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"flood of another user: {error!r}")

    async def _send_damaged_audio(self, session: aiohttp.ClientSession) -> None:
        form = aiohttp.FormData()
        form.add_field("file", self._random.randbytes(20_000), filename="damaged.mp3")
        await self._refused(session, "damaged audio", "/v1/audio/transcriptions", data=form)

    async def _send_poison(self, session: aiohttp.ClientSession) -> None:
        """Send a request that kills its workers, at its beginning or later; it must fail. Clients check the others."""
        prompt = f"{POISON}:{self._random.choice([0, 0, 3, 20])}"
        started_at_s = self._record.now_s()
        self._record.fault("request that kills its workers")
        body = {"model": "echo", "prompt": prompt, "max_tokens": 60}
        timeout = aiohttp.ClientTimeout(GARBAGE_TIMEOUT_S)
        try:
            async with session.post(f"{self._server.url}/v1/completions", json=body, timeout=timeout) as answer:
                text = await answer.text()
                if answer.status != 500 or json.loads(text)["error"]["code"] != "worker_died":
                    self._record.violation(f"{prompt}: answered {answer.status} {text[:200]}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._record.router_died_since(started_at_s):
                self._record.violation(f"{prompt}: {error!r}")

    async def _refused(self, session: aiohttp.ClientSession, kind: str, path: str, data: Any) -> None:
        """Send a body that must be refused with 4xx."""
        headers = {} if isinstance(data, aiohttp.FormData) else {"Content-Type": "application/json"}
        started_at_s = self._record.now_s()
        timeout = aiohttp.ClientTimeout(GARBAGE_TIMEOUT_S)
        self._record.fault(kind)
        try:
            url = f"{self._server.url}{path}"
            async with session.post(url, data=data, headers=headers, timeout=timeout) as answer:
                if not 400 <= answer.status < 500:
                    text = (await answer.text())[:200]
                    self._record.violation(f"{kind} to {path}: answered {answer.status} {text}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            # A server may close the connection while a body that it has refused is still being sent.
            if kind != "body of 33 MB" and not self._record.router_died_since(started_at_s):
                self._record.violation(f"{kind} to {path}: {error!r}")
