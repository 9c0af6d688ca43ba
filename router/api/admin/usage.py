"""``GET /v1/usage``: the usage of the caller's key; of all keys for administrators."""

from __future__ import annotations

import datetime
import logging
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request

from router.api.dependencies import OperatorDep, RecordDep
from router.keys.database import FILE_ERRORS
from router.keys.usage import GroupBy, UsageRow
from router.keys.usage_log import UsageLog
from router.schemas.errors import ApiError, error_responses
from router.schemas.shown import shown
from router.schemas.usage import UsageList, UsageObject

log = logging.getLogger("nexa.usage")

router = APIRouter(tags=["server"])

By = Annotated[GroupBy, Query(description="Sums per key, or per key and `model` or `day`.")]
Key = Annotated[str | None, Query(max_length=64, description="Only this key; empty for requests without one.")]
Since = Annotated[datetime.date | None, Query(description="First day, in UTC: YYYY-MM-DD.")]
Until = Annotated[datetime.date | None, Query(description="Last day, inclusive.")]


@router.get("/v1/usage", responses=error_responses(400, 401, 403, 503))
async def usage(
    request: Request,
    record: RecordDep,
    operator: OperatorDep,
    by: By = GroupBy.KEY,
    key: Key = None,
    since: Since = None,
    until: Until = None,
) -> UsageList:
    """Sums of requests, tokens, pictures and seconds of audio.

    Callers see those of their own key; administrators, and callers on this machine without a key of their own, all.
    """
    if not operator:
        if key not in (None, record.key_name):
            raise ApiError(403, f"key: expected the name of your own key, got {shown(key)}", "key", "not_permitted")
        key = record.key_name
    usage_log: UsageLog = request.app.state.usage_log
    try:
        rows = await usage_log.sums(by, key, since, until)
    except FILE_ERRORS:
        log.exception("usage cannot be read")
        raise ApiError(503, "usage cannot be read; the server's log has the reason") from None
    return UsageList(data=[_object(row) for row in rows])


def _object(row: UsageRow) -> UsageObject:
    return UsageObject(key=row.key or None, day=row.day, model=row.model, **asdict(row.usage))
