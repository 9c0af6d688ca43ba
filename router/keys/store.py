"""Creates, lists, revokes and finds API keys."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from router.jobs.limits import BETWEEN_NAMES, UNLIMITED, Priority, UserLimits
from router.keys.database import KeyFile, KeyFileError
from router.storage.database import LOCK_TIMEOUT_S, write_transaction

KEY_PREFIX = "nexa"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COLUMNS = "id, name, admin, max_running, max_queued, priority, models, tokens_per_day, created_s, revoked_s"
_INSERT = (
    "INSERT INTO key (id, name, digest, admin, max_running, max_queued, priority, models, tokens_per_day, created_s) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_Row = tuple[str, str, int, int | None, int | None, str, str | None, int | None, int, int | None]


class KeyNameInvalid(KeyFileError):
    """No key may have this name."""


class KeyNameTaken(KeyFileError):
    """An active key has this name already."""


class KeyUnknown(KeyFileError):
    """No active key has this name."""


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

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._read: tuple[int, int] | None = None

    @classmethod
    def open(cls, path: Path | None, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Self:
        """Open the key file at ``path``, or create it if missing; see :class:`KeyFile`.

        Raises:
            KeyFileError: the file cannot be used.
        """
        return cls(KeyFile(path, lock_timeout_s))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def create(self, name: str, limits: UserLimits = UNLIMITED, admin: bool = False) -> str:
        """Create and return a key, which cannot be shown again later.

        Raises:
            KeyNameInvalid, KeyNameTaken: the name cannot be used.
            KeyFileError: the file cannot be.
        """
        if not is_key_name(name):
            expected = "1 to 64 letters, digits, '.', '-' or '_', beginning with a letter or digit and not an address"
            raise KeyNameInvalid(f"name: expected {expected}, got {name!r}")
        key_id = secrets.token_hex(6)
        key = f"{KEY_PREFIX}-{key_id}-{secrets.token_urlsafe(32)}"
        row = (
            key_id,
            name,
            _digest(key),
            admin,
            *_columns_of(limits),
            int(time.time()),
        )
        try:
            database = self._file.database()
            with write_transaction(database):
                database.execute(_INSERT, row)
        except sqlite3.IntegrityError:
            raise KeyNameTaken(f"name: {name} already has a key; revoke it first, or use another name") from None
        self._read = None  # what this connection writes does not change its own ``data_version``
        return key

    def change(self, name: str, limits: UserLimits, admin: bool | None = None) -> None:
        """Give the key of this name other limits, and make it an administrator's or not, unless ``admin`` is None.

        Raises:
            KeyUnknown: no active key has this name.
        """
        values = (*_columns_of(limits), admin, name)
        database = self._file.database()
        with write_transaction(database):
            changed = database.execute(
                "UPDATE key SET max_running = ?, max_queued = ?, priority = ?, models = ?, tokens_per_day = ?, "
                "admin = coalesce(?, admin) WHERE name = ? AND revoked_s IS NULL",
                values,
            ).rowcount
        self._read = None
        if not changed:
            raise self._unknown(name)

    def revoke(self, name: str) -> None:
        """Revoke the key of this name; servers end its requests within a second or two.

        Raises:
            KeyUnknown: no active key has this name.
        """
        database = self._file.database()
        with write_transaction(database):
            revoked = database.execute(
                "UPDATE key SET revoked_s = ? WHERE name = ? AND revoked_s IS NULL", (int(time.time()), name)
            ).rowcount
        self._read = None
        if not revoked:
            raise self._unknown(name)

    def _unknown(self, name: str) -> KeyUnknown:
        names = ", ".join(key.name for key in self.keys()) or "none"
        return KeyUnknown(f"name: expected the name of an active key ({names}), got {name}")

    def keys(self, revoked: bool = False) -> list[StoredKey]:
        """The active keys, or the ``revoked`` ones, oldest first."""
        condition = "IS NOT NULL" if revoked else "IS NULL"
        rows = self._file.database().execute(
            f"SELECT {_COLUMNS} FROM key WHERE revoked_s {condition} ORDER BY created_s, rowid"
        )
        return [_stored(row) for row in rows]

    def named(self, name: str) -> StoredKey:
        """The active key of this name.

        Raises:
            KeyUnknown: there is none.
        """
        for key in self.keys():
            if key.name == name:
                return key
        raise self._unknown(name)

    def any_created(self) -> bool:
        """Whether there is any key, active or revoked."""
        return self._file.database().execute("SELECT 1 FROM key LIMIT 1").fetchone() is not None

    def snapshot(self) -> KeySnapshot:
        """All active keys, to find them without the file.

        Raises:
            KeyFileError: the file is gone.
            sqlite3.Error: the file cannot be read.
        """
        rows = self._file.database().execute(f"SELECT {_COLUMNS}, digest FROM key WHERE revoked_s IS NULL")
        keys = {row[0]: (_stored(row[:-1]), row[-1]) for row in rows}
        return KeySnapshot(keys, any_created=bool(keys) or self.any_created())

    def changed_snapshot(self) -> KeySnapshot | None:
        """As :meth:`snapshot`, or None if nothing has changed since the last call.

        Raises:
            KeyFileError: the file is gone.
            sqlite3.Error: the file cannot be read.
        """
        database = self._file.database()
        version = self._file.openings, database.execute("PRAGMA data_version").fetchone()[0]
        if version == self._read:
            return None
        snapshot = self.snapshot()
        self._file.flush()
        self._read = version
        return snapshot


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """The active keys with their digests, by id, as they were when the file was read."""

    keys: Mapping[str, tuple[StoredKey, bytes]] = field(default_factory=dict)
    any_created: bool = False

    def find(self, given: str) -> StoredKey | None:
        """The active key equal to ``given``, compared in constant time, or None."""
        prefix, _, rest = given.partition("-")
        if prefix != KEY_PREFIX:
            return None
        key, digest = self.keys.get(rest.partition("-")[0], (None, b""))
        return key if hmac.compare_digest(digest, _digest(given)) else None


def is_key_name(text: str) -> bool:
    """Whether ``text`` is a valid name for a key."""
    return _NAME.fullmatch(text) is not None and not _is_address(text)


def user_of(key: StoredKey) -> str:
    """The name of the key's user, which is never that of an address: ``key:`` begins none.

    Files of earlier releases may hold keys that are named like addresses.
    """
    return key.name if is_key_name(key.name) else f"key:{key.name}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _columns_of(limits: UserLimits) -> tuple[int | str | None, ...]:
    models = None if limits.models is None else BETWEEN_NAMES.join(limits.models)
    return limits.max_running, limits.max_queued, limits.priority.value, models, limits.tokens_per_day


def _stored(row: _Row) -> StoredKey:
    key_id, name, admin, max_running, max_queued, priority, models, tokens_per_day, created_at_s, revoked_at_s = row
    if priority not in list(Priority):
        raise KeyFileError(f"priority of the key {name}: expected {' or '.join(Priority)}, got {priority!r}")
    names = None if models is None else tuple(models.split(BETWEEN_NAMES))
    limits = UserLimits(max_running, max_queued, Priority(priority), names, tokens_per_day)
    return StoredKey(key_id, name, bool(admin), limits, created_at_s, revoked_at_s)


def _is_address(name: str) -> bool:
    """Whether ``name`` could be an address: users without a key are named by theirs."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "local"
    return True
