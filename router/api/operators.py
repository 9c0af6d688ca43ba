"""Who may control workers, models and keys: the operator, and of web pages only those of this server."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from router.api.dependencies import BrokerDep, OperatorDep, RecordDep
from router.api.own_pages import is_foreign_page, is_sure_name
from router.http.request_record import RequestRecord
from router.http.senders.admin_socket import OVER_ADMIN_SOCKET
from router.images.public_url import request_url
from router.keys.access import Access
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.origins import is_allowed
from shared.settings import ServerSettings


async def may_control(request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep) -> bool:
    """Whether the caller may give orders over the network, also from a page of this server."""
    if broker.settings.admin_socket or not operator:
        return False
    has_key = _has_key(request, record)
    sure = has_key or is_sure_name(request, broker.settings)
    return sure and not is_foreign_page(request, broker.settings, has_key)


_ORDERS = "nexa drain, restart, load or unload"

ControlDep = Annotated[bool, Depends(may_control)]


async def may_control_workers(request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep) -> None:
    """Admit only the operator, and of web pages only this server's: any page can send a POST without a body.

    Raises:
        ApiError: 403.
    """
    _refuse_foreign_page(request, record, broker.settings, "control workers")
    if broker.settings.admin_socket and OVER_ADMIN_SOCKET not in request.scope:
        raise _over_network("control workers", f"expected {_ORDERS} with --admin-socket")
    _refuse_others(record, operator, "control workers")


async def may_manage_models(request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep) -> None:
    """Admit only the operator, and of web pages only this server's, and those of origins that the operator has allowed.

    Raises:
        ApiError: 403.
    """
    _refuse_unknown_page(request, record, broker.settings, "manage models")
    if broker.settings.admin_socket and OVER_ADMIN_SOCKET not in request.scope:
        raise _over_network("manage models", "nexa pull and nexa rm do it")
    _refuse_others(record, operator, "manage models")


async def may_stop_own(request: Request, broker: BrokerDep, record: RecordDep) -> None:
    """Admit everybody, but of web pages only this server's, and those of origins that the operator has allowed.

    Raises:
        ApiError: 403.
    """
    _refuse_unknown_page(request, record, broker.settings, "stop requests")


async def may_see_keys(request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep) -> None:
    """Admit only the operator, and of web pages only this server's, under a name that no other page can have.

    Raises:
        ApiError: 403.
    """
    _refuse_foreign_page(request, record, broker.settings, "manage keys")
    if not _has_key(request, record) and not is_sure_name(request, broker.settings):
        given = shown(request.headers.get("host", ""))
        message = f"Host: expected a name of this server, got {given}; --allowed-host allows other names"
        raise ApiError(403, message, code="host_not_allowed")
    _refuse_others(record, operator, "manage keys")


async def may_change_keys(request: Request, broker: BrokerDep, record: RecordDep, operator: OperatorDep) -> None:
    """As :func:`may_see_keys`; with ``--admin-socket`` nobody changes them over the network.

    Raises:
        ApiError: 403.
    """
    await may_see_keys(request, broker, record, operator)
    if broker.settings.admin_socket:
        raise _over_network("change keys", "nexa key does it")


def _refuse_unknown_page(request: Request, record: RequestRecord, settings: ServerSettings, what: str) -> None:
    origin = request.headers.get("origin")
    if origin is None or not is_allowed(origin, settings.cors_origins):
        _refuse_foreign_page(request, record, settings, what, ", or one that --cors-origin allows,")


def _refuse_foreign_page(
    request: Request, record: RequestRecord, settings: ServerSettings, what: str, others: str = ""
) -> None:
    if not is_foreign_page(request, settings, _has_key(request, record)):
        return
    origins = request.headers.getlist("origin")
    if not origins:
        site = shown(request.headers["sec-fetch-site"])
        raise ApiError(403, f"Sec-Fetch-Site: expected same-origin to {what}, got {site}", code="not_permitted")
    own = request_url(request.scope, settings)
    expected = f"none, or this server's own ({own}){others} to {what}"
    remedy = "--public-url and --allowed-host tell this server its names"
    given = ", ".join(map(shown, origins))
    raise ApiError(403, f"Origin: expected {expected}, got {given}; {remedy}", code="not_permitted")


def _refuse_others(record: RequestRecord, operator: bool, what: str) -> None:
    if not operator:
        expected = "an administrator's key" if record.key_name else "a request from the server's machine"
        raise ApiError(403, f"only the operator may {what}: expected {expected}", code="not_permitted")


def _over_network(what: str, remedy: str) -> ApiError:
    message = f"only the user who runs the server may {what} (--admin-socket): {remedy}"
    return ApiError(403, f"{message}, got a request over the network", code="not_permitted")


def _has_key(request: Request, record: RequestRecord) -> bool:
    """Whether the request has shown a key: it would have been refused without one, or has a named one."""
    access: Access = request.app.state.access
    return access.needs_key or bool(record.key_name)
