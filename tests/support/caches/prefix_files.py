"""Files of prefixes that tests write and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workers.text.cache.disk.folder import SUFFIX, PrefixFolder
from workers.text.cache.disk.secret import PrefixSecret
from workers.text.cache.disk.store import PrefixStore
from workers.text.cache.host_cache import SavedPrefix

SECRET = PrefixSecret(b"s" * 32)
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ROOM = 10**9
STATE_BYTES = 5_000


def store_in(path: Path, limit_bytes: int = ROOM, key: bytes = KEY, secret: PrefixSecret = SECRET) -> PrefixStore:
    store = PrefixStore(PrefixFolder(path, limit_bytes).of_key(key), secret)
    store.refresh()
    return store


def prefix(first: int, tokens: int = 200, owner: str = "anna", state_bytes: int = STATE_BYTES) -> SavedPrefix:
    state = np.random.default_rng(first).integers(0, 256, state_bytes, np.uint8)
    return SavedPrefix(list(range(first, first + tokens)), state, owner, tokens // 2, goes_on=bool(first % 2))


def read_back(store: PrefixStore, saved: SavedPrefix, owner: str | None = None) -> SavedPrefix | None:
    owner = saved.owner if owner is None else owner
    _, found = store.longest(saved.tokens, owner)
    read = None if found is None else store.read(found, owner)
    return None if read is None else read.saved


def files_in(path: Path) -> list[Path]:
    return sorted(path.rglob(f"*{SUFFIX}"))
