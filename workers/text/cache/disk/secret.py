"""The secret of this installation, with which files of prefixes are signed and their owners' names hidden.

llama.cpp trusts the states that it is given: a made-up one can end the process, or worse. So no file is used that was
not written by who knows the secret.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

from workers.text.cache.disk.private_file import open_private

SECRET_BYTES = 32


class DiskUnusable(Exception):
    """Nothing can be kept on disk; the message is one readable line."""


class PrefixSecret:
    """Signs what is written. Two secrets from equal bytes are equal."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, path: Path) -> PrefixSecret:
        """Read the secret at ``path``, or make one, readable by its owner only. Several processes may do so at once.

        Raises:
            DiskUnusable: the file cannot be used, or others may read it.
        """
        try:
            if not os.path.lexists(path):
                _create(path)
            with open_private(path) as file:
                key = file.read(SECRET_BYTES + 1)
        except OSError as error:
            raise DiskUnusable(f"{path}: cannot be used ({error.strerror})") from None
        if len(key) != SECRET_BYTES:
            raise DiskUnusable(f"{path}: expected {SECRET_BYTES} bytes, got {len(key)} or more; remove it")
        return cls(key)

    def sign(self, purpose: bytes, *parts: bytes) -> bytes:
        """The signature of some parts, 32 bytes. What is signed for one purpose is not for another."""
        signature = hmac.new(self._key, purpose, "sha256")
        for part in parts:
            signature.update(len(part).to_bytes(8, "little"))
            signature.update(part)
        return signature.digest()


def _create(path: Path) -> None:
    """Write a new secret. The first of several processes wins, and none sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
