"""``GET /v1/server``: all that a page must know of this server. Many open pages ask for it, again and again."""

from __future__ import annotations

import time
from functools import cache

from fastapi import APIRouter, Request, Response

from router.api.dependencies import BrokerDep, OperatorDep, RecordDep
from router.api.operators import ControlDep
from router.api.server.model_status import model_statuses
from router.api.server.residence import device_memory
from router.http.certificates.local_authority import has_authority
from router.http.request_record import RequestRecord
from router.images.public_url import request_url
from router.jobs.broker import Broker
from router.keys.day_tokens import DayTokens
from router.schemas.errors import error_responses
from router.schemas.server.status import CallerObject, QueueShare, ServerLimits, ServerObject
from shared.distribution import version
from shared.settings import ServerSettings

router = APIRouter(tags=["server"])

_STARTED_AT_S = int(time.time())
_version = cache(version)


@router.get("/v1/server", response_class=Response, responses={200: {"model": ServerObject}, **error_responses(401)})
async def show_server(
    request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep, control: ControlDep
) -> Response:
    """The server, its models with state and load, who asks and what they may do, who waits, and limits."""
    settings, app = broker.settings, request.app
    answer = ServerObject(
        version=_version(),
        started=_STARTED_AT_S,
        caller=CallerObject(
            key=record.key_name or None,
            user=record.user,
            operator=operator,
            control=control,
        ),
        needs_key=app.state.access.needs_key,
        https=request_url(request.scope, settings).startswith("https:"),
        ca=has_authority(settings),
        models=model_statuses(broker, record.limits),
        memory=device_memory(broker),
        queues=_queues(broker, None if operator else record.user),
        limits=_limits(settings, record, app.state.usage_log.tokens),
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})


def _queues(broker: Broker, user: str | None) -> list[QueueShare]:
    return [
        QueueShare(model=share.model, user=share.user, waiting=share.waiting, running=share.running)
        for share in broker.user_shares()
        if user is None or share.user == user
    ]


def _limits(settings: ServerSettings, record: RequestRecord, tokens: DayTokens) -> ServerLimits:
    own, limit = record.limits, record.limits.tokens_per_day
    return ServerLimits(
        max_upload_bytes=settings.max_upload_bytes,
        max_body_bytes=settings.max_body_bytes,
        max_text_bytes=settings.max_text_bytes,
        max_timeout_s=settings.max_timeout_s,
        resume_timeout_s=settings.resume_timeout_s,
        resume_streams=settings.resume_streams,
        max_running=own.max_running,
        max_queued=settings.queued_per_user if own.max_queued is None else own.max_queued,
        tokens_per_day=limit,
        tokens_left=None if limit is None else tokens.left(record.key_name, limit),
        tokens_reset_s=None if limit is None else round(tokens.seconds_left()),
    )
