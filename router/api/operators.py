"""Who may manage models: the operator, and no web page."""

from __future__ import annotations

from fastapi import Request

from router.api.dependencies import BrokerDep, OperatorDep, RecordDep
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.origins import is_allowed


async def may_manage_models(request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep) -> None:
    """Admit only the operator, and web pages only of the origins that the operator has allowed.

    Raises:
        ApiError: 403.
    """
    origin = request.headers.get("origin")
    if origin is not None and not is_allowed(origin, broker.settings.cors_origins):
        message = f"Origin: expected none or one that --cors-origin allows to manage models, got {shown(origin)}"
        raise ApiError(403, message, code="not_permitted")
    if broker.settings.admin_socket:
        message = "only the user who runs the server may manage models (--admin-socket): nexa pull and nexa rm do it"
        raise ApiError(403, message, code="not_permitted")
    if not operator:
        expected = "an administrator's key" if record.key_name else "a request from the server's machine"
        raise ApiError(403, f"only the operator may manage models: expected {expected}", code="not_permitted")
