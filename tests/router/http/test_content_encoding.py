"""Compressed request bodies."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.types import Message

from router.http.content_encoding import MAX_MEMBERS, DecodedBody
from router.schemas.errors import ApiError
from tests.support.router.client import COMPLETION, ask
from tests.support.router.fake_broker import FakeBroker

PLAIN = json.dumps(COMPLETION).encode()


def gzipped(data: bytes) -> bytes:
    """The same bytes at any time: they are part of the names of tests."""
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def sent(body: bytes, *codings: str, max_body_bytes: int = 1_000_000, chunk_bytes: int = 0) -> httpx.Response:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), chunk_bytes):
            yield body[at : at + chunk_bytes]

    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"max_body_bytes": max_body_bytes})
    headers = [("Content-Type", "application/json"), *(("Content-Encoding", coding) for coding in codings)]
    content = chunks() if chunk_bytes else body
    response = ask(broker, "POST", "/v1/completions", content=content, headers=headers)
    if response.status_code == 200:
        (text,) = broker.texts
        assert text.prompt == COMPLETION["prompt"]
    return response


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["message"]


@pytest.mark.parametrize("chunk_bytes", [0, 1, 7])
@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (gzipped(PLAIN), ["gzip"]),
        (gzipped(PLAIN), ["X-GZip"]),
        (gzipped(PLAIN[:9]) + gzipped(PLAIN[9:]), ["gzip"]),
        (zlib.compress(PLAIN), ["deflate"]),
        (raw_deflate(PLAIN), ["deflate"]),
        (PLAIN, ["identity"]),
        (PLAIN, [""]),
        (gzipped(zlib.compress(PLAIN)), ["deflate, gzip"]),
        (gzipped(zlib.compress(PLAIN)), ["deflate", "identity, gzip"]),
    ],
)
def test_a_compressed_body_is_decoded(body: bytes, codings: list[str], chunk_bytes: int) -> None:
    assert sent(body, *codings, chunk_bytes=chunk_bytes).status_code == 200


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br"])
def test_an_unknown_coding_is_415_and_says_which_are_known(coding: str) -> None:
    response = sent(b"\x1b\x00", coding)
    name = coding.removeprefix("gzip, ")
    assert error_of(response) == (415, f"Content-Encoding: expected gzip or deflate, got '{name}'")
    assert response.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("body", "coding", "got"),
    [
        (PLAIN, "gzip", "incorrect header check"),
        (PLAIN, "deflate", "invalid"),
        (gzipped(PLAIN)[:-5], "gzip", "not all of it"),
        (gzipped(PLAIN)[:1], "gzip", "not all of it"),
        (gzipped(PLAIN)[:-5] + b"12345", "gzip", "incorrect data check"),
        (gzipped(PLAIN) + b"junk", "gzip", "incorrect header check"),
        (zlib.compress(PLAIN) + b"junk", "deflate", "more after its end"),
    ],
)
def test_a_damaged_body_is_400(body: bytes, coding: str, got: str) -> None:
    status, message = error_of(sent(body, coding))
    assert status == 400
    assert message.startswith(f"body: expected {coding} data, as Content-Encoding says, got ")
    assert got in message


def test_an_empty_body_stays_empty() -> None:
    assert error_of(sent(b"", "gzip")) == (400, "body is required: a JSON object")


def test_the_limit_counts_decoded_bytes() -> None:
    assert sent(gzipped(PLAIN), "gzip", max_body_bytes=1000).status_code == 200
    padded = PLAIN + b" " * (1001 - len(PLAIN))
    assert sent(gzipped(padded[:-1]), "gzip", max_body_bytes=1000).status_code == 200
    status, message = error_of(sent(gzipped(padded), "gzip", max_body_bytes=1000))
    assert (status, message) == (413, "body: expected at most 1000 bytes, got more after decoding")


@pytest.mark.parametrize("compress", [gzipped, lambda data: gzipped(gzipped(data))])
def test_a_bomb_is_not_inflated_beyond_the_limit(compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(200_000_000))
    codings = "gzip" if compress is gzipped else "gzip, gzip"
    tracemalloc.start()
    try:
        assert sent(bomb, codings).status_code == 413
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_coding_without_output_is_limited_by_what_arrives() -> None:
    empty_blocks = gzipped(b"")[:10] + b"\x00\x00\x00\xff\xff" * 400
    assert sent(empty_blocks, "gzip", max_body_bytes=1000, chunk_bytes=100).status_code == 413
    assert sent(gzipped(empty_blocks), "gzip, gzip", max_body_bytes=1000).status_code == 413


def test_too_many_codings_are_400() -> None:
    status, message = error_of(sent(PLAIN, ", ".join(["gzip"] * 5)))
    assert (status, message) == (400, "Content-Encoding: expected at most 4 codings, got 5")


def test_a_compressed_form_is_decoded() -> None:
    form = httpx.Request("POST", "http://nexa", data={"prompt": "a"}, files={"image": ("a.png", b"no")})
    headers = {"Content-Type": form.headers["Content-Type"], "Content-Encoding": "gzip"}
    response = ask(FakeBroker(), "POST", "/v1/img2img", content=gzipped(form.read()), headers=headers)
    assert response.status_code == 200  # without the prompt it is 400


def test_a_request_without_a_body_may_name_any_coding() -> None:
    assert ask(FakeBroker(), "GET", "/health", headers={"Content-Encoding": "br"}).status_code == 200


def test_a_gzip_body_has_a_bounded_number_of_members() -> None:
    empty = gzipped(b"")
    assert sent(empty * (MAX_MEMBERS - 1) + gzipped(PLAIN), "gzip").status_code == 200
    expected = f"body: expected gzip data, as Content-Encoding says, got more than {MAX_MEMBERS} members"
    assert error_of(sent(empty * (MAX_MEMBERS + 1), "gzip")) == (400, expected)


def test_other_requests_are_served_while_a_body_yields_nothing() -> None:
    members = 1000
    body = gzipped(gzipped(b"") * members)
    others = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def count() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    async def read() -> None:
        counting = asyncio.ensure_future(count())
        decoded = DecodedBody(receive, ["gzip", "gzip"], 1_000_000, ApiError(413, "body: too large"))
        assert await decoded.receive() == {"type": "http.request", "body": b"", "more_body": False}
        counting.cancel()

    asyncio.run(read())
    assert others >= members
