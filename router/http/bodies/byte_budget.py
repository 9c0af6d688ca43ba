"""How many bytes of requests the server holds at once, of all users and of each."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from starlette.types import Scope

from router.schemas.errors import ApiError

RETRY_AFTER_S = 2
RESERVED_SHARE = 8
"""One in eight bytes is reserved for users who hold none yet."""
_SHARE = "nexa.byte_share"


class ByteLimit(NamedTuple):
    """A number of bytes, and the option that says how many."""

    max_bytes: int
    option: str


class ByteBudget:
    """At most ``total`` bytes of all requests, and ``user`` bytes of one user's. ``place`` is where they are held."""

    def __init__(self, place: str, total: ByteLimit, user: ByteLimit) -> None:
        self._place = place
        self._total = total
        self._user = user
        self._reserved_bytes = total.max_bytes // RESERVED_SHARE
        self._request = min(user, ByteLimit(total.max_bytes - self._reserved_bytes, total.option))
        self._held: Counter[str] = Counter()
        self.held_bytes = 0

    def take(self, user: str, count: int, own_bytes: int = 0) -> None:
        """Hold ``count`` more bytes, for a request that holds ``own_bytes`` already.

        Raises:
            ApiError: 413, the request alone is too large; 429, the user holds too many; 503, all do.
        """
        if own_bytes + count > self._request.max_bytes:
            message = self._expected(self._request, "bytes of a request") + ", got more"
            raise ApiError(413, message, headers={"Connection": "close"})
        held = self._held[user]
        if held + count > self._user.max_bytes:
            raise _refusal(429, self._expected(self._user, "bytes of one user's requests"), "user_bytes_exceeded")
        if self.held_bytes + count > self._total.max_bytes - (self._reserved_bytes if held else 0):
            raise _refusal(503, self._expected(self._total, "bytes of all requests"), "bytes_exceeded")
        self._held[user] += count
        self.held_bytes += count

    def _expected(self, limit: ByteLimit, what: str) -> str:
        return f"body: expected at most {limit.max_bytes} {what} in {self._place} ({limit.option})"

    def give_back(self, user: str, count: int) -> None:
        """Hold ``count`` bytes less."""
        self.held_bytes -= count
        self._held[user] -= count
        if not self._held[user]:
            del self._held[user]


class ByteShare:
    """What one request holds: its first ``memory_bytes`` in memory, the rest in files, if it may have any there."""

    def __init__(self, user: str, memory: ByteBudget, files: ByteBudget | None = None, memory_bytes: int = 0) -> None:
        self._user = user
        self._memory = memory
        self._files = files
        self._left_bytes = memory_bytes
        self._held_bytes = 0
        self._filed_bytes = 0

    def take(self, count: int) -> None:
        """Hold ``count`` more bytes.

        Raises:
            ApiError: 413, 429 or 503, as :meth:`ByteBudget.take`.
        """
        in_memory = count if self._files is None else min(count, self._left_bytes)
        self._memory.take(self._user, in_memory, self._held_bytes)
        self._held_bytes += in_memory
        self._left_bytes -= in_memory
        if self._files is not None and count > in_memory:
            self._files.take(self._user, count - in_memory, self._filed_bytes)
            self._filed_bytes += count - in_memory

    def move_to_files(self, count: int) -> None:
        """Hold ``count`` of the bytes in memory in files from now on.

        Raises:
            ApiError: 413, 429 or 503, as :meth:`ByteBudget.take`.
        """
        moved = min(count, self._held_bytes)
        if self._files is None or not moved:
            return
        self._files.take(self._user, moved, self._filed_bytes)
        self._filed_bytes += moved
        self._memory.give_back(self._user, moved)
        self._held_bytes -= moved
        self._left_bytes += moved

    def release(self) -> None:
        """Hold nothing any more."""
        self._memory.give_back(self._user, self._held_bytes)
        if self._files is not None:
            self._files.give_back(self._user, self._filed_bytes)
        self._held_bytes = self._filed_bytes = 0


def attach_share(scope: Scope, share: ByteShare) -> None:
    """Make ``share`` the one of the request that ``scope`` belongs to."""
    scope[_SHARE] = share


def share_of(scope: Scope) -> ByteShare:
    """The share of the request that ``scope`` belongs to."""
    share: ByteShare = scope[_SHARE]
    return share


def _refusal(status: int, message: str, code: str) -> ApiError:
    """It closes the connection, since the rest of the body may be unread."""
    hint = f", got more; try again in about {RETRY_AFTER_S} s"
    headers = {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"}
    return ApiError(status, message + hint, code=code, headers=headers)
