"""Decides whether requests need a key, and recognises the one they have."""

from __future__ import annotations

import hmac

from router.keys.keyring import Keyring
from router.keys.store import StoredKey


class Access:
    """The rules for API keys.

    ``keyring`` has the named keys; ``api_key`` is the one that all users share, or empty. A key is needed if there is a
    shared one, if keys are ``required``, or once a named key exists, unless the server is ``insecure``.
    """

    def __init__(self, keyring: Keyring, api_key: str = "", required: bool = False, insecure: bool = False) -> None:
        self._keyring = keyring
        self._api_key = api_key.encode()
        self._required = required
        self._insecure = insecure

    @property
    def needs_key(self) -> bool:
        """Whether a request without a key is refused.

        Revoked keys count: revoking the last key must not open the server.
        """
        if self._api_key or self._required:
            return True
        return not self._insecure and self._keyring.any_created

    def is_shared(self, given: str) -> bool:
        """Whether ``given`` is the shared key."""
        return bool(self._api_key) and hmac.compare_digest(given.encode(), self._api_key)

    async def find(self, given: str) -> StoredKey | None:
        """The active named key equal to ``given``, or None."""
        return await self._keyring.find_new(given)
