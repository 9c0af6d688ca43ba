"""``/v1/keys``: what ``nexa key`` does, for the operator over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from router.api.dependencies import RecordDep
from router.api.operators import may_change_keys, may_see_keys
from router.http.json_body import JsonRoute
from router.keys.database import FILE_ERRORS
from router.keys.keyring import Keyring
from router.keys.store import KeyNameInvalid, KeyNameTaken, KeyUnknown, StoredKey
from router.schemas.errors import ApiError, error_responses
from router.schemas.server.keys import CreatedKey, KeyChange, KeyList, KeyObject, KeyRequest, RevokedKey

log = logging.getLogger("nexa.auth")

router = APIRouter(tags=["server"])
json_router = APIRouter(route_class=JsonRoute, tags=["server"])


async def _keyring(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


KeyringDep = Annotated[Keyring, Depends(_keyring)]
Revoked = Annotated[bool, Query(description="List the revoked keys instead of the active ones.")]

_TO_SEE = [Depends(may_see_keys)]
_TO_CHANGE = [Depends(may_change_keys)]


@router.get("/v1/keys", responses=error_responses(401, 403, 503), dependencies=_TO_SEE)
async def list_keys(keyring: KeyringDep, revoked: Revoked = False) -> KeyList:
    """The keys, without their secrets."""
    with _errors():
        return KeyList(data=[_object(key) for key in await keyring.listed(revoked)])


@json_router.post("/v1/keys", responses=error_responses(400, 401, 403, 409, 503), dependencies=_TO_CHANGE)
async def create_key(body: KeyRequest, keyring: KeyringDep, record: RecordDep, response: Response) -> CreatedKey:
    """Create a key and show it once. Once a key exists, requests need one."""
    with _errors():
        key = await keyring.create(body.name, body.limits, body.admin)
        created = await _active(keyring, body.name)
    log.info("key created", extra={"key": body.name, "admin": body.admin, "by": record.user})
    response.headers["Cache-Control"] = "no-store"
    return CreatedKey(key=key, **_object(created).model_dump())


@router.get("/v1/key", responses=error_responses(401, 404))
async def show_own_key(keyring: KeyringDep, record: RecordDep) -> KeyObject:
    """The caller's own key, without its secret."""
    found = keyring.with_id(record.key_id) if record.key_id else None
    if found is None:
        raise ApiError(404, "Authorization: expected a named key, got none", code="key_not_found")
    return _object(found)


@json_router.put("/v1/keys", responses=error_responses(400, 401, 403, 404, 503), dependencies=_TO_CHANGE)
async def change_key(body: KeyChange, keyring: KeyringDep, record: RecordDep) -> KeyObject:
    """Give a key other limits. They count from its next request on."""
    with _errors():
        await keyring.change(body.name, body.limits, body.admin)
        changed = await _active(keyring, body.name)
    log.info("key changed", extra={"key": body.name, "admin": changed.admin, "by": record.user})
    return _object(changed)


@router.delete("/v1/keys/{name}", responses=error_responses(401, 403, 404, 503), dependencies=_TO_CHANGE)
async def revoke_key(name: str, keyring: KeyringDep, record: RecordDep) -> RevokedKey:
    """Revoke a key. Its requests end, running or waiting."""
    with _errors():
        await keyring.revoke(name)
    log.info("key revoked", extra={"key": name, "by": record.user})
    return RevokedKey(name=name)


async def _active(keyring: Keyring, name: str) -> StoredKey:
    for key in await keyring.listed():
        if key.name == name:
            return key
    raise KeyUnknown(f"name: expected the name of an active key, got {name}")  # revoked in between


@contextmanager
def _errors() -> Iterator[None]:
    """Turn errors of the key file into answers."""
    try:
        yield
    except KeyNameInvalid as error:
        raise ApiError(400, str(error), "name") from None
    except KeyNameTaken as error:
        raise ApiError(409, str(error), "name", "key_exists") from None
    except KeyUnknown as error:
        raise ApiError(404, str(error), "name", "key_not_found") from None
    except FILE_ERRORS:
        log.exception("key file not usable")
        raise ApiError(503, "the key file cannot be used; the server's log has the reason") from None


def _object(key: StoredKey) -> KeyObject:
    return KeyObject(
        id=key.key_id,
        name=key.name,
        max_running=key.limits.max_running,
        max_queued=key.limits.max_queued,
        priority=key.limits.priority,
        models=None if key.limits.models is None else list(key.limits.models),
        tokens_per_day=key.limits.tokens_per_day,
        admin=key.admin,
        created=key.created_at_s,
        revoked=key.revoked_at_s,
    )
