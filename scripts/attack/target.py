"""What an attack gets: the server's address, and ways to talk to it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp

ATTACKER = "127.0.0.66"
"""The attacker's address: for the server it is another user than the honest clients."""
ANSWER_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """A server on 127.0.0.1. ``model`` is the name of its first model, ``supervisor_pid`` its first process."""

    port: int
    model: str
    supervisor_pid: int

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.port}"

    def session(self, address: str = ATTACKER) -> aiohttp.ClientSession:
        """A client from ``address``, which must begin with 127; each request has a connection of its own."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True, local_addr=(address, 0))
        return aiohttp.ClientSession(self.url, connector=connector, timeout=aiohttp.ClientTimeout(ANSWER_TIMEOUT_S))

    async def connect(self, address: str = ATTACKER) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A raw connection from ``address``."""
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))


async def post(
    session: aiohttp.ClientSession, path: str, body: bytes | dict[str, Any], kind: str = "application/json"
) -> str:
    """Send a body, JSON unless ``kind`` says otherwise.

    Returns the status in short: ``200``, ``413 body: expected ...`` or what broke the connection.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        async with session.post(path, data=data, headers={"Content-Type": kind}) as answer:
            text = await answer.text()
            return str(answer.status) if answer.status == 200 else f"{answer.status} {_message(text)}"
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        return type(error).__name__


async def post_all(
    target: Target, path: str, bodies: Iterable[bytes | dict[str, Any]], kind: str = "application/json"
) -> str:
    """Send all bodies at once; returns the counted results."""
    async with target.session() as session:
        return counted(await asyncio.gather(*(post(session, path, body, kind) for body in bodies)))


def counted(results: Iterable[str]) -> str:
    """Equal results with their number."""
    return "; ".join(f"{number} x {result}" for result, number in Counter(results).most_common(4))


def _message(text: str) -> str:
    try:
        message = str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = text
    return message[:100]
