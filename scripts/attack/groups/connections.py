"""Connections that never become requests, and bodies that never end."""

from __future__ import annotations

import asyncio
import contextlib

from scripts.attack.registry import attack
from scripts.attack.target import Target, counted

SILENT = 3000
HOLD_S = 12.0
"""Longer than a client has for its headers."""


@attack("silent", "3,000 connections that send nothing")
async def silent(target: Target) -> str:
    return await _held(target, b"")


@attack("half-heads", "3,000 connections whose headers never end")
async def half_heads(target: Target) -> str:
    return await _held(target, b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: a")


@attack("endless-body", "20 bodies that go on after their refusal")
async def endless_body(target: Target) -> str:
    return counted(await asyncio.gather(*(_send_on(target) for _ in range(20))))


async def _held(target: Target, sent: bytes) -> str:
    """Open many connections, wait until the server has closed them, and count what it said."""
    return counted(await asyncio.gather(*(_one(target, sent) for _ in range(SILENT))))


async def _one(target: Target, sent: bytes) -> str:
    try:
        reader, writer = await target.connect()
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 3 * HOLD_S)
        writer.close()
    except TimeoutError:
        return "still open"
    except OSError as error:
        return type(error).__name__
    return answer[9:12].decode() or "closed"


async def _send_on(target: Target) -> str:
    reader, writer = await target.connect()
    writer.write(b"POST /v1/none HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    status = (await reader.readline())[9:12].decode()
    loop = asyncio.get_running_loop()
    ends_at_s = loop.time() + 4 * HOLD_S
    with contextlib.suppress(OSError):
        while loop.time() < ends_at_s:
            writer.write(b"400\r\n" + bytes(0x400) + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
        return f"{status}, still open"
    return f"{status}, closed"
