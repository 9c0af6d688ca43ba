"""The keys in memory, so that no request waits for the disk. A thread reads the key file when it has changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from router.jobs.limits import UserLimits
from router.keys.database import FILE_ERRORS
from router.keys.store import KEY_PREFIX, KeySnapshot, KeyStore, StoredKey
from router.threads import Lane

log = logging.getLogger("nexa.auth")

REFRESH_S = 0.5
"""Time between two looks at the key file."""
READ_TIMEOUT_S = 5.0
NEW_KEY_TIMEOUT_S = 1.0
"""Longest time that a request with an unknown key waits for a look at the file."""
MAX_WAITING = 8
"""Operators' changes that wait for the disk at once."""
LOCK_TIMEOUT_S = 2.0
"""Time that a read waits for another process to finish writing."""


class Keyring:
    """The active keys, as they were when the file could last be read.

    ``on_revoked`` is called when one is no longer active. Once a key exists, keys are needed until the server ends,
    whatever becomes of the file.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._lane = Lane("key file", max_waiting=MAX_WAITING, timeout_s=READ_TIMEOUT_S)
        self._snapshot = store.snapshot()
        self._read_at_s = time.monotonic()
        self._failed = False
        self._look: asyncio.Task[None] | None = None
        self.on_revoked: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Read the key file at ``path``, or create it if missing.

        Raises:
            KeyFileError: the file cannot be used.
            sqlite3.Error: the file cannot be read.
        """
        return cls(KeyStore.open(path, LOCK_TIMEOUT_S))

    @property
    def any_created(self) -> bool:
        """Whether there is or was any key, active or revoked."""
        return self._snapshot.any_created

    @property
    def age_s(self) -> float:
        """Seconds since the file was last read, or found unchanged."""
        return time.monotonic() - self._read_at_s

    def find(self, given: str) -> StoredKey | None:
        """The active key equal to ``given``, or None."""
        return self._snapshot.find(given)

    def with_id(self, key_id: str) -> StoredKey | None:
        """The key with this id, if it is in force."""
        found = self._snapshot.keys.get(key_id)
        return None if found is None else found[0]

    def is_active(self, key_id: str) -> bool:
        """Whether the key with this id is in force."""
        return key_id in self._snapshot.keys

    async def find_new(self, given: str) -> StoredKey | None:
        """As :meth:`find`, but what looks like a key and is unknown may have been created a moment ago."""
        key = self.find(given)
        if key is None and given.startswith(f"{KEY_PREFIX}-"):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NEW_KEY_TIMEOUT_S):
                    await self.refresh()
            key = self.find(given)
        return key

    async def refresh(self) -> None:
        """Look at the file, together with others who want to.

        If the file cannot be read, the keys stay as they are, and the log says so.
        """
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._refresh())
        await asyncio.shield(self._look)

    async def _refresh(self) -> None:
        try:
            read = await self._lane.run(self._store.changed_snapshot)
        except FILE_ERRORS as error:
            if not self._failed:
                log.error("key file not read, the last known keys hold", extra={"reason": str(error)})
            self._failed = True
            return
        if self._failed:
            log.info("key file read again")
        self._failed = False
        self._read_at_s = time.monotonic()
        if read is not None:
            self._take(read)

    async def listed(self, revoked: bool = False) -> list[StoredKey]:
        """The active keys, or the ``revoked`` ones, oldest first.

        Raises:
            KeyFileError, sqlite3.Error, TimeoutError: the file cannot be read.
        """
        return await self._lane.run(self._store.keys, revoked)

    async def create(self, name: str, limits: UserLimits, admin: bool) -> str:
        """Create and return a key, which counts from now on.

        Raises:
            KeyNameInvalid, KeyNameTaken: the name cannot be used.
            KeyFileError, sqlite3.Error, TimeoutError: the file cannot be written.
        """
        key = await self._lane.run(self._store.create, name, limits, admin)
        await self._refresh()
        return key

    async def change(self, name: str, limits: UserLimits, admin: bool | None) -> None:
        """Give a key other limits, which count from the next request on; see :meth:`KeyStore.change`.

        Raises:
            KeyUnknown: no active key has this name.
            KeyFileError, sqlite3.Error, TimeoutError: the file cannot be written.
        """
        await self._lane.run(self._store.change, name, limits, admin)
        await self._refresh()

    async def revoke(self, name: str) -> None:
        """Revoke a key; its requests end.

        Raises:
            KeyUnknown: no active key has this name.
            KeyFileError, sqlite3.Error, TimeoutError: the file cannot be written.
        """
        await self._lane.run(self._store.revoke, name)
        await self._refresh()

    async def keep_fresh(self) -> None:
        """Refresh until cancelled. One that fails is logged, and does not end those to come."""
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("keys not refreshed")
            await asyncio.sleep(REFRESH_S)

    def close(self) -> None:
        """Close the file, unless a thread still reads it."""
        if not self._lane.calls:
            self._store.close()

    def _take(self, read: KeySnapshot) -> None:
        former = self._snapshot
        self._snapshot = KeySnapshot(read.keys, former.any_created or read.any_created)
        if not former.keys.keys() <= read.keys.keys():
            self.on_revoked()
