"""For whom batches run, long after their owners asked for them."""

from __future__ import annotations

from dataclasses import replace

from router.batches.records import StoredBatch
from router.http.request_record import Behalf
from router.jobs.limits import UNLIMITED, Priority
from router.keys.keyring import Keyring
from router.keys.store import user_of


def behalf_of(batch: StoredBatch, keyring: Keyring) -> Behalf | None:
    """The batch's owner, with the present limits of the key and the priority ``batch``; None if it was revoked."""
    if not batch.key_id:
        return Behalf(batch.owner, "", "", batch.network, replace(UNLIMITED, priority=Priority.BATCH))
    key = keyring.with_id(batch.key_id)
    if key is None:
        return None
    return Behalf(user_of(key), key.name, key.key_id, batch.network, replace(key.limits, priority=Priority.BATCH))
