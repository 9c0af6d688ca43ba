"""Who may use the server: whether a key is required, and which one was given."""

from __future__ import annotations

import hmac

from router.keys.store import KeyStore, StoredKey


class Access:
    """Checks the key of a request.

    ``api_key`` is the one that all users share, or empty; ``store`` has the named keys. With ``required``, a key is
    needed from the start; otherwise once the first named key exists, unless the server is ``insecure``.
    """

    def __init__(self, store: KeyStore, api_key: str = "", required: bool = False, insecure: bool = False) -> None:
        self._store = store
        self._api_key = api_key.encode()
        self._required = required
        self._insecure = insecure

    @property
    def needs_key(self) -> bool:
        """Whether a request without a key is refused.

        Revoked keys count: revoking the last key must not open the server.

        Raises:
            sqlite3.Error: the key file cannot be read.
        """
        if self._api_key or self._required:
            return True
        return not self._insecure and self._store.any_created()

    def is_shared(self, given: str) -> bool:
        """Whether ``given`` is the shared key."""
        return bool(self._api_key) and hmac.compare_digest(given.encode(), self._api_key)

    def find(self, given: str) -> StoredKey | None:
        """The named key that ``given`` is, or None.

        Raises:
            sqlite3.Error: the key file cannot be read.
        """
        return self._store.find(given)
