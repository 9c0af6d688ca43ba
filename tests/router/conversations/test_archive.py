"""Stored answers as requests use them: who sees them, conversations, references, and disks that fail."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

import router.conversations.archive as archive_module
from router.conversations.archive import AnswerArchive
from router.conversations.store import AnswerStore, StoredAnswer
from router.http.request_record import RequestRecord
from router.schemas.errors import ApiError
from router.schemas.responses.ids import input_item_id, output_item_id

ANNA, BERT, ADMIN = RequestRecord(user="anna"), RequestRecord(user="bert"), RequestRecord(user="root", admin=True)
FIELD = "previous_response_id"


def take(count: int) -> None:
    """There is room for everything."""


def item(item_id: str, **more: Any) -> dict[str, Any]:
    return {"id": item_id, "type": "message", **more}


def answer(name: str, parent: str | None = None, status: str = "completed", user: str = "anna") -> StoredAnswer:
    """An answer with one item in and one out."""
    given = msgspec.json.encode([item(f"{name}-in")])
    response = msgspec.json.encode({"id": name, "output": [item(f"{name}-out")]})
    return StoredAnswer(name, user, parent, "run", 1000, status, given, response)


def with_archive(story: Callable[[AnswerArchive], Awaitable[None]], store: AnswerStore | None = None) -> None:
    async def go() -> None:
        archive = AnswerArchive(store or AnswerStore.open(None, 1000.0, 10**9))
        await story(archive)
        await archive.close()

    asyncio.run(go())


async def refusal(asked: Awaitable[Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await asked
    return caught.value


def test_what_was_put_is_found_at_once_by_its_user_and_administrators() -> None:
    async def story(archive: AnswerArchive) -> None:
        archive.put(answer("a"))
        assert await archive.find("a", ANNA) == answer("a")
        assert await archive.find("a", ADMIN) == answer("a")
        error = await refusal(archive.find("a", BERT))
        assert (error.status, error.code) == (404, "response_not_found")
        assert str(error) == "response_id: expected a stored response of yours, got 'a'"

    with_archive(story)


def test_a_conversation_has_all_items_in_their_order() -> None:
    async def story(archive: AnswerArchive) -> None:
        archive.put(answer("a"))
        archive.put(answer("b", "a"))
        items = await archive.conversation("b", ANNA, FIELD, take)
        assert [found["id"] for found in items] == ["a-in", "a-out", "b-in", "b-out"]

    with_archive(story)


@pytest.mark.parametrize(
    ("kept", "asking", "status", "message"),
    [
        ([], ANNA, 404, "expected a stored response of yours, got 'b'"),
        ([answer("a"), answer("b", "a")], BERT, 404, "expected a stored response of yours, got 'b'"),
        ([answer("a", user="bert"), answer("b", "a")], ANNA, 404, "expected a stored response of yours, got 'b'"),
        ([answer("b", "a")], ANNA, 404, "expected a conversation that is kept as a whole, got one that lacks 'a'"),
        ([answer("b", None, "queued")], ANNA, 400, "expected a response that has ended, got 'b', which is queued"),
    ],
)
def test_a_conversation_that_cannot_be_gone_on_with(
    kept: list[StoredAnswer], asking: RequestRecord, status: int, message: str
) -> None:
    async def story(archive: AnswerArchive) -> None:
        for one in kept:
            archive.put(one)
        error = await refusal(archive.conversation("b", asking, FIELD, take))
        assert (error.status, str(error)) == (status, f"{FIELD}: {message}")

    with_archive(story)


def test_a_conversation_with_more_than_a_job_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_CONVERSATION_BYTES", 1000)

    async def story(archive: AnswerArchive) -> None:
        archive.put(answer("a"))
        archive.put(answer("b", "a"))
        error = await refusal(archive.conversation("b", ANNA, FIELD, take))
        assert error.status == 413
        assert (await refusal(archive.conversation("b", BERT, FIELD, take))).status == 404

    with_archive(story)


def test_a_conversation_without_room_in_memory_is_not_read() -> None:
    taken: list[int] = []

    def refuse(count: int) -> None:
        taken.append(count)
        raise ApiError(429, "full")

    async def story(archive: AnswerArchive) -> None:
        archive.put(answer("a"))
        archive.put(answer("b", "a"))
        assert (await refusal(archive.conversation("b", ANNA, FIELD, refuse))).status == 429
        assert taken == [answer("a").size_bytes + answer("b").size_bytes]

    with_archive(story)


def test_references_are_replaced_by_their_items() -> None:
    answer_id = "0123456789abcdef" * 2
    given, out = input_item_id(answer_id, "message", 0), output_item_id(answer_id, "reasoning", 1)
    kept = StoredAnswer(
        f"resp_{answer_id}",
        "anna",
        None,
        "run",
        1000,
        "completed",
        msgspec.json.encode([item(given)]),
        msgspec.json.encode({"output": [item(out)]}),
    )

    async def story(archive: AnswerArchive) -> None:
        archive.put(kept)
        asked = [item("own"), {"type": "item_reference", "id": out}, {"type": "item_reference", "id": given}]
        assert await archive.resolved(asked, ANNA, take) == [item("own"), item(out), item(given)]
        error = await refusal(archive.resolved(asked, BERT, take))
        assert (error.status, error.param) == (404, "input.1.id")
        error = await refusal(archive.resolved([{"type": "item_reference", "id": "rs_of_openai"}], ANNA, take))
        assert str(error) == "input.0.id: expected an item of a stored response of yours, got 'rs_of_openai'"

    with_archive(story)


def kept_item(number: int, text: str) -> tuple[StoredAnswer, dict[str, str]]:
    """A stored answer whose input is one item with this text, and a reference to that item."""
    answer_id = f"{number:032x}"
    given = input_item_id(answer_id, "message", 0)
    items = msgspec.json.encode([item(given, text=text)])
    kept = StoredAnswer(f"resp_{answer_id}", "anna", None, "run", 1000, "completed", items, b'{"output": []}')
    return kept, {"type": "item_reference", "id": given}


def test_an_item_counts_each_time_that_it_is_referred_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_CONVERSATION_BYTES", 10_000)
    kept, reference = kept_item(1, "a" * 1000)
    taken: list[int] = []

    async def story(archive: AnswerArchive) -> None:
        archive.put(kept)
        assert len(await archive.resolved([reference] * 5, ANNA, taken.append)) == 5
        error = await refusal(archive.resolved([reference] * 10, ANNA, taken.append))
        assert (error.status, error.param) == (413, "input")

    with_archive(story)
    assert len(taken) == 1
    assert taken[0] > 5000


def test_references_do_not_read_more_than_a_conversation_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_CONVERSATION_BYTES", 10_000)
    made = [kept_item(number, "a" * 3000) for number in range(9)]

    async def story(archive: AnswerArchive) -> None:
        for kept, _ in made:
            archive.put(kept)
        error = await refusal(archive.resolved([reference for _, reference in made], ANNA, take))
        assert (error.status, error.param) == (413, "input")

    with_archive(story)


class FailingStore(AnswerStore):
    """A store whose disk is full for some writes."""

    failures = 0

    def put(self, answer: StoredAnswer) -> None:
        if self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("database or disk is full")
        super().put(answer)


def test_a_write_that_failed_is_done_again(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(archive_module, "RETRY_DELAY_S", 0.001)
    store = FailingStore.open(None, 1000.0, 10**9)
    store.failures = 3

    async def story(archive: AnswerArchive) -> None:
        archive.put(answer("a"))
        archive.finish("a", "failed", b"{}")
        while archive._unwritten:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.001)
        assert (await archive.find("a", ANNA)).status == "failed"

    with_archive(story, store)
    assert "disk is full" in caplog.text


def test_while_the_disk_fails_what_may_wait_for_it_is_unavailable_and_reads_do_not_wait() -> None:
    store = FailingStore.open(None, 1000.0, 10**9)
    store.put(answer("old"))
    store.failures = 10**6

    async def story(archive: AnswerArchive) -> None:
        archive.put(answer("new"))
        found = await asyncio.gather(*(archive.find("old", ANNA) for _ in range(20)))
        assert found == [answer("old")] * 20
        assert 10**6 - store.failures <= 2
        for asked in (archive.find("new", ANNA), archive.conversation("new", ANNA, FIELD, take)):
            assert (await refusal(asked)).status == 503
        assert (await refusal(archive.resolved([kept_item(1, "a")[1]], ANNA, take))).status == 503
        store.failures = 0
        archive._next_attempt_s = 0.0
        assert await archive.find("new", ANNA) == answer("new")
        assert (await refusal(archive.find("none", ANNA))).status == 404

    with_archive(story, store)


def test_what_waits_for_the_disk_is_limited(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(archive_module, "MAX_UNWRITTEN", 2)
    monkeypatch.setattr(archive_module, "RETRY_DELAY_S", 0.001)
    store = FailingStore.open(None, 1000.0, 10**9)

    async def story(archive: AnswerArchive) -> None:
        for name in "abc":
            archive.put(answer(name))
        assert (await refusal(archive.find("a", ANNA))).status == 404
        assert (await archive.find("c", ANNA)).status == "completed"

    with_archive(story, store)
    assert "stored answer lost" in caplog.text


def test_the_bytes_of_what_waits_for_the_disk_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_UNWRITTEN_BYTES", 2 * answer("a").size_bytes)

    async def story(archive: AnswerArchive) -> None:
        for name in "abc":
            archive.put(answer(name))
        assert (await refusal(archive.find("a", ANNA))).status == 404
        assert (await archive.find("b", ANNA)).status == "completed"
        for name in "def":
            archive.put(answer(name))
            assert (await archive.find(name, ANNA)).status == "completed"

    with_archive(story)


def test_an_answer_that_must_be_stored_first_is_refused_without_a_disk() -> None:
    store = FailingStore.open(None, 1000.0, 10**9)
    store.failures = 1

    async def story(archive: AnswerArchive) -> None:
        error = await refusal(archive.begin(answer("a")))
        assert error.status == 503
        assert "stored responses cannot be reached" in str(error)

    with_archive(story, store)
