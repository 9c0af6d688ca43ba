"""Creates, lists, revokes and finds API keys."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from router.jobs.limits import UNLIMITED, Priority, UserLimits
from router.keys.database import LOCK_TIMEOUT_S, KeyFileError, connect, write_transaction

KEY_PREFIX = "nexa"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COLUMNS = "id, name, admin, max_running, max_queued, priority, created_s, revoked_s"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key without its secret. ``revoked_at_s`` is None while the key is active."""

    key_id: str
    name: str
    admin: bool
    limits: UserLimits
    created_at_s: int
    revoked_at_s: int | None = None


class KeyStore:
    """The keys in a key file.

    A key is ``nexa-<id>-<secret>``. Only its SHA-256 is stored: the secret has 256 random bits, so unlike a password it
    needs no slow hash.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path | None, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Self:
        """Open the key file at ``path``, or create it if missing; see :func:`connect`.

        Raises:
            KeyFileError: the file cannot be used.
        """
        return cls(connect(path, lock_timeout_s))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def create(self, name: str, limits: UserLimits = UNLIMITED, admin: bool = False) -> str:
        """Create and return a key, which cannot be shown again later.

        Raises:
            KeyFileError: the name is invalid, or already has a key.
        """
        if not is_key_name(name):
            expected = "1 to 64 letters, digits, '.', '-' or '_', beginning with a letter or digit and not an address"
            raise KeyFileError(f"name: expected {expected}, got {name!r}")
        key_id = secrets.token_hex(6)
        key = f"{KEY_PREFIX}-{key_id}-{secrets.token_urlsafe(32)}"
        row = (
            key_id,
            name,
            _digest(key),
            admin,
            limits.max_running,
            limits.max_queued,
            limits.priority.value,
            int(time.time()),
        )
        try:
            with write_transaction(self._database):
                self._database.execute("INSERT INTO key VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)
        except sqlite3.IntegrityError:
            raise KeyFileError(f"name: {name} already has a key; revoke it first, or use another name") from None
        return key

    def revoke(self, name: str) -> None:
        """Revoke the key of this name; requests that have begun go on.

        Raises:
            KeyFileError: no active key has this name.
        """
        with write_transaction(self._database):
            revoked = self._database.execute(
                "UPDATE key SET revoked_s = ? WHERE name = ? AND revoked_s IS NULL", (int(time.time()), name)
            ).rowcount
        if not revoked:
            names = ", ".join(key.name for key in self.keys()) or "none"
            raise KeyFileError(f"name: expected the name of an active key ({names}), got {name}")

    def keys(self, revoked: bool = False) -> list[StoredKey]:
        """The active keys, or the ``revoked`` ones, oldest first."""
        condition = "IS NOT NULL" if revoked else "IS NULL"
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM key WHERE revoked_s {condition} ORDER BY created_s, rowid"
        )
        return [_stored(row) for row in rows]

    def any_created(self) -> bool:
        """Whether there is any key, active or revoked."""
        return self._database.execute("SELECT 1 FROM key LIMIT 1").fetchone() is not None

    def find(self, given: str) -> StoredKey | None:
        """The active key equal to ``given``, compared in constant time, or None."""
        prefix, _, rest = given.partition("-")
        key_id = rest.partition("-")[0]
        if prefix != KEY_PREFIX:
            return None
        row = self._database.execute(
            f"SELECT {_COLUMNS}, digest FROM key WHERE id = ? AND revoked_s IS NULL", (key_id,)
        ).fetchone()
        if row is None or not hmac.compare_digest(row[-1], _digest(given)):
            return None
        return _stored(row[:-1])


def is_key_name(text: str) -> bool:
    """Whether ``text`` is a valid name for a key."""
    return _NAME.fullmatch(text) is not None and not _is_address(text)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _stored(row: tuple[str, str, int, int | None, int | None, str, int, int | None]) -> StoredKey:
    key_id, name, admin, max_running, max_queued, priority, created_at_s, revoked_at_s = row
    limits = UserLimits(max_running, max_queued, Priority(priority))
    return StoredKey(key_id, name, bool(admin), limits, created_at_s, revoked_at_s)


def _is_address(name: str) -> bool:
    """Whether ``name`` could be an address: users without a key are named by theirs."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "local"
    return True
