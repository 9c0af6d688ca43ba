"""Stored answers, as the router's requests use them: written in the background, and read by their users."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from router.conversations.store import UNENDED, AnswerStore, StoredAnswer
from router.http.request_record import RequestRecord
from router.schemas.errors import ApiError
from router.schemas.responses.ids import response_of_item
from router.schemas.responses.items import REFERENCE, Item
from router.schemas.shown import shown
from router.storage.database import STORAGE_ERRORS
from router.threads import Lane
from shared.wire.work import MAX_WORK_BYTES

MAX_CONVERSATION_BYTES = 4 * MAX_WORK_BYTES
"""Of what is stored of a conversation that is gone on with. A job has no room for a longer one."""
RETRY_DELAY_S = 5.0
"""Wait after a failed write."""
MAX_UNWRITTEN = 1000
"""Writes that wait for a disk that does not take them; then the oldest is lost."""
MAX_UNWRITTEN_BYTES = 128 * 1024 * 1024
"""Of those writes."""
LAST_WRITE_TIMEOUT_S = 5.0
"""Longest wait for the disk when the server stops."""
CLEAN_INTERVAL_S = 600.0
_MAX_WAITING = 1024

log = logging.getLogger("nexa.responses")

T = TypeVar("T")


class _Write(NamedTuple):
    """Something to write, and what it holds in memory until then."""

    size_bytes: int
    do: Callable[[], None]


class _Output(msgspec.Struct):
    """What a conversation needs of a response."""

    output: list[dict[str, Any]]


class AnswerArchive:
    """Stored answers. Users see their own, administrators all.

    What is read has all that was written before. While the disk is full or hangs, requests go on and writes wait in
    memory; what they may have is refused with 503. ``server`` is the run folder of this server.
    """

    def __init__(self, store: AnswerStore, server: str = "") -> None:
        self.server = server
        self._store = store
        self._unwritten: deque[_Write] = deque()
        self._unwritten_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._next_attempt_s = -math.inf
        self._thread = Lane("answers", max_waiting=_MAX_WAITING)  # one thread: only it uses the store

    @classmethod
    def open(cls, path: Path | None, keep_s: float, keep_bytes: int, server: str = "") -> AnswerArchive:
        """Open the file at ``path``, or create it if missing; without one, answers are lost at the end.

        Raises:
            StorageError: the file cannot be used.
        """
        return cls(AnswerStore.open(path, keep_s, keep_bytes), server)

    async def begin(self, answer: StoredAnswer) -> None:
        """Store an answer that is about to be generated, now.

        Raises:
            ApiError: 503, the disk does not take it.
        """
        await self._read(self._store.put, answer)

    def put(self, answer: StoredAnswer) -> None:
        """Store an answer soon."""
        self._soon(_Write(answer.size_bytes, lambda: self._store.put(answer)))

    def finish(self, answer_id: str, status: str, response: bytes) -> None:
        """Store soon how an answer has ended, if it is still there."""
        self._soon(_Write(len(response), lambda: self._store.finish(answer_id, status, response)))

    def give_up(self, answer_id: str, status: str, response: bytes) -> None:
        """Store soon that an answer has not been generated, unless it has."""
        self._soon(_Write(len(response), lambda: self._store.give_up(answer_id, status, response)))

    async def find(self, answer_id: str, asking: RequestRecord, field: str = "response_id") -> StoredAnswer:
        """An answer of the user who asks.

        Raises:
            ApiError: 404, there is none; 503, the disk does not answer.
        """
        answer = await self._read(self._store.find, answer_id)
        if answer is None or not _may_see(asking, answer):
            raise self._missing(field, answer_id)
        return answer

    async def delete(self, answer_id: str) -> None:
        """Delete an answer. Conversations that went on from it can no longer be gone on with.

        Raises:
            ApiError: 503, the disk does not answer.
        """
        await self._read(self._store.delete, answer_id)

    async def conversation(
        self, answer_id: str, asking: RequestRecord, field: str, take: Callable[[int], None]
    ) -> list[Item]:
        """The items of a conversation up to this answer, oldest first.

        ``take`` is called with its size in bytes before it is read, and raises if there is no room for it.

        Raises:
            ApiError: 404, the answer or one before it is not kept; 400, it has not ended; 413, all of it is too large;
                503, the disk does not answer.
        """
        size_bytes = await self._read(self._store.chain_bytes, answer_id)
        if size_bytes > MAX_CONVERSATION_BYTES:
            await self.find(answer_id, asking, field)  # nobody else is told its size
            message = f"{field}: expected a conversation of at most {MAX_CONVERSATION_BYTES} bytes, got {size_bytes}"
            raise ApiError(413, message, field)
        take(size_bytes)
        chain, items = await self._read(self._load, answer_id)
        if not chain or not all(_may_see(asking, answer) for answer in chain):
            raise self._missing(field, answer_id)
        if (lost := chain[-1].parent) is not None:
            message = f"{field}: expected a conversation that is kept as a whole, got one that lacks {shown(lost)}"
            raise ApiError(404, message, field, "previous_response_not_found")
        if chain[0].status in UNENDED:
            message = f"{field}: expected a response that has ended, got {shown(answer_id)}, which is {chain[0].status}"
            raise ApiError(400, message, field)
        return items

    async def resolved(self, items: list[Item], asking: RequestRecord, take: Callable[[int], None]) -> list[Item]:
        """The items, with each reference replaced by the item that it names.

        ``take`` is called with the bytes of what is referred to, each time that it is, and raises if there is no room.

        Raises:
            ApiError: 404, there is no such item; 413, all of them are too large; 503, the disk does not answer.
        """
        wanted = Counter(item["id"] for item in items if item["type"] == REFERENCE)
        if not wanted:
            return items
        found = await self._read(self._find_items, wanted, asking)
        for index, item in enumerate(items):
            if item["type"] == REFERENCE and item["id"] not in found:
                if self._is_behind:
                    raise _unavailable()
                path = f"input.{index}.id"
                message = f"{path}: expected an item of a stored response of yours, got {shown(item['id'])}"
                raise ApiError(404, message, path)
        size_bytes = sum(len(msgspec.json.encode(found[item_id])) * count for item_id, count in wanted.items())
        if size_bytes > MAX_CONVERSATION_BYTES:
            raise _too_many_referred_bytes()
        take(size_bytes)
        return [found[item["id"]] if item["type"] == REFERENCE else item for item in items]

    async def keep_clean(self) -> None:
        """Delete what is too old or too much, now and every ``CLEAN_INTERVAL_S``, until cancelled."""
        while True:
            try:
                await self._thread.run(self._store.clean)
            except STORAGE_ERRORS as error:
                log.warning("stored answers not cleaned", extra={"reason": str(error)})
            await asyncio.sleep(CLEAN_INTERVAL_S)

    async def close(self) -> None:
        """Write what is not yet written, and close the file."""
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        try:
            async with asyncio.timeout(LAST_WRITE_TIMEOUT_S):
                await self._write()
        except STORAGE_ERRORS:
            log.exception("answers not written and lost", extra={"count": len(self._unwritten)})
        if not self._thread.calls:
            await self._thread.run(self._store.close)

    def _load(self, answer_id: str) -> tuple[list[StoredAnswer], list[Item]]:
        """An answer and those before it, latest first, and their items, oldest first."""
        chain = self._store.chain(answer_id)
        return chain, [item for answer in reversed(chain) for item in items_of(answer)]

    def _find_items(self, item_ids: Collection[str], asking: RequestRecord) -> dict[str, Item]:
        """Those of the items that are there and that the user may see.

        Raises:
            ApiError: 413, the responses that have them are too large.
        """
        found: dict[str, Item] = {}
        read_bytes = 0
        for answer_id in dict.fromkeys(map(response_of_item, item_ids)):
            answer = None if answer_id is None else self._store.find(answer_id)
            if answer is None or not _may_see(asking, answer):
                continue
            read_bytes += answer.size_bytes
            if read_bytes > MAX_CONVERSATION_BYTES:
                raise _too_many_referred_bytes()
            found |= {item["id"]: item for item in items_of(answer) if item["id"] in item_ids}
        return found

    async def _read(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call the store behind all writes, unless these have just failed.

        Raises:
            ApiError: 503, the disk does not answer.
        """
        if time.monotonic() >= self._next_attempt_s:
            with contextlib.suppress(*STORAGE_ERRORS):
                await self._write()
        try:
            return await self._thread.run(function, *arguments)
        except STORAGE_ERRORS as error:
            log.error("stored answers not available: %s", error)
            raise _unavailable() from None

    @property
    def _is_behind(self) -> bool:
        """Whether the disk has refused what is still to be written."""
        return bool(self._unwritten) and self._next_attempt_s > -math.inf

    def _missing(self, field: str, answer_id: str) -> ApiError:
        """What says that there is no such answer, as far as that can be known."""
        if self._is_behind:
            return _unavailable()
        message = f"{field}: expected a stored response of yours, got {shown(answer_id)}"
        code = "previous_response_not_found" if field == "previous_response_id" else "response_not_found"
        return ApiError(404, message, field, code)

    def _soon(self, write: _Write) -> None:
        self._unwritten.append(write)
        self._unwritten_bytes += write.size_bytes
        while self._unwritten and (len(self._unwritten) > MAX_UNWRITTEN or self._unwritten_bytes > MAX_UNWRITTEN_BYTES):
            self._unwritten_bytes -= self._unwritten.popleft().size_bytes
            log.error("stored answer lost: the disk has not taken it for too long")
        if self._writer is None or self._writer.done():
            self._writer = asyncio.ensure_future(self._write_all_soon())

    async def _write_all_soon(self) -> None:
        while self._unwritten:
            try:
                await self._write()
            except STORAGE_ERRORS as error:
                log.error("answers not stored, next attempt in %g s: %s", RETRY_DELAY_S, error)
                await asyncio.sleep(RETRY_DELAY_S)

    async def _write(self) -> None:
        # Shielded: when the caller is cancelled, the thread still finishes, and nothing is lost.
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_all())
        await asyncio.shield(self._writing)

    async def _write_all(self) -> None:
        while self._unwritten:
            write = self._unwritten.popleft()
            try:
                await self._thread.run(write.do)
            except STORAGE_ERRORS:
                self._unwritten.appendleft(write)
                self._next_attempt_s = time.monotonic() + RETRY_DELAY_S
                raise
            self._next_attempt_s = -math.inf
            self._unwritten_bytes -= write.size_bytes


def items_of(answer: StoredAnswer) -> list[Item]:
    """The items of an answer: its own input, then its output."""
    given: list[Item] = msgspec.json.decode(answer.input)
    return [*given, *msgspec.json.decode(answer.response, type=_Output).output]


def _may_see(asking: RequestRecord, answer: StoredAnswer) -> bool:
    return asking.admin or answer.user == asking.user


def _unavailable() -> ApiError:
    message = "the server's stored responses cannot be reached at the moment; its log has the reason"
    return ApiError(503, message)


def _too_many_referred_bytes() -> ApiError:
    message = f"input: expected references to at most {MAX_CONVERSATION_BYTES} bytes of stored responses, got more"
    return ApiError(413, message, "input")
