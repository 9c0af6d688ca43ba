"""Which resumable streams are closed to make room for others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from router.answers import registry as job_registry
from router.answers.registry import JobRegistry
from router.answers.resumable_stream import ResumableStream
from router.answers.submission import SubmittedRequest
from router.api.text.completion_answer import CompletionChunks
from router.api.text.rendering import Rendering
from router.http.request_record import RequestRecord
from router.schemas.errors import ApiError
from router.schemas.text.completions import CompletionRequest
from shared.wire.payloads import Started
from tests.support.router.fake_broker import FakeBroker, words

ANYBODY = RequestRecord(admin=True)
Keep = Callable[..., Awaitable[ResumableStream]]


def with_registry(limit: int, test: Callable[[JobRegistry, Keep], Awaitable[None]]) -> None:
    """Run a test with a registry that keeps ``limit`` streams per user; ``keep`` adds one."""

    async def go() -> None:
        registry = JobRegistry(60.0, 1000, limit)
        body = CompletionRequest(prompt="x")

        async def keep(user: str = "ann", ends: bool = False) -> ResumableStream:
            broker = FakeBroker(script=words("Once") if ends else [Started(1, 0)])
            async with SubmittedRequest(broker, RequestRecord(user=user), None, body.to_jobs()) as submitted:
                stream = registry.keep(submitted, CompletionChunks(Rendering.of(body), submitted))
                submitted.release()
                return stream

        await test(registry, keep)
        registry.close()
        assert registry.visible(ANYBODY) == []

    asyncio.run(go())


def leave(stream: ResumableStream) -> None:
    stream.attach("reader", 0)
    stream.detach("reader")


def kept_in(registry: JobRegistry) -> list[ResumableStream | None]:
    return [entry.stream for entry in registry.visible(ANYBODY)]


def test_fully_sent_streams_go_first_then_the_longest_detached() -> None:
    async def test(registry: JobRegistry, keep: Keep) -> None:
        second, first, whole = await keep(), await keep(), await keep(ends=True)
        leave(first)
        leave(second)
        while not whole.log.ended:
            await whole.log.changed()
        leave(whole)
        whole.log.sent_id = whole.log.last_id
        added = []
        for expected in ([second, first], [second], []):
            added.append(await keep())
            assert kept_in(registry) == [*expected, *added]
        assert all(stream.submitted.jobs[0].ended for stream in (first, second))

    with_registry(3, test)


def test_a_stream_whose_first_reader_is_on_its_way_stays() -> None:
    async def test(registry: JobRegistry, keep: Keep) -> None:
        stream = await keep()
        refusal = r"^you have 1 resumable streams, which is the limit \(--resume-streams\); "
        with pytest.raises(ApiError, match=refusal) as caught:
            await keep()
        assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "5"})
        assert kept_in(registry) == [stream]

    with_registry(1, test)


def test_users_displace_each_other_only_when_all_room_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_registry, "MAX_STREAMS", 3)

    async def test(registry: JobRegistry, keep: Keep) -> None:
        streams = [await keep("ann"), await keep("bob"), await keep("cid")]
        with pytest.raises(ApiError, match="3 resumable streams are open"):
            await keep("dan")
        leave(streams[1])
        last = await keep("dan")
        assert kept_in(registry) == [streams[0], streams[2], last]

    with_registry(1, test)
