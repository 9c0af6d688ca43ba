"""Who may use the server: whether a key is needed, and whose key was given."""

from __future__ import annotations

import hmac

from router.keys.store import KeyStore, StoredKey


class Access:
    """Judges the key that a request came with.

    ``api_key`` is the one that all may share, empty where there is none; ``store`` has those that were made by name.
    With ``required``, a key is needed from the start, otherwise as soon as one is made, unless the server is
    ``insecure``.
    """

    def __init__(self, store: KeyStore, api_key: str = "", required: bool = False, insecure: bool = False) -> None:
        self._store = store
        self._api_key = api_key.encode()
        self._required = required
        self._insecure = insecure

    @property
    def needs_key(self) -> bool:
        """Whether a request without a key is refused.

        That is so from the first key on that was ever made: revoking the last one must not open the server.

        Raises:
            sqlite3.Error: the key file cannot be read.
        """
        if self._api_key or self._required:
            return True
        return not self._insecure and self._store.any_made()

    def is_shared(self, given: str) -> bool:
        """Whether this is the key that all share."""
        return bool(self._api_key) and hmac.compare_digest(given.encode(), self._api_key)

    def find(self, given: str) -> StoredKey | None:
        """The named key that this is, None if it is none.

        Raises:
            sqlite3.Error: the key file cannot be read.
        """
        return self._store.find(given)
