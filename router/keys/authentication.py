"""Authentication of each request by its API key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Set
from dataclasses import dataclass
from typing import Self

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from router.http.error_handlers import error_response
from router.http.request_record import ON_BEHALF, Behalf, TokenMeter, record_of
from router.http.senders.admin_socket import OVER_ADMIN_SOCKET
from router.keys.access import Access
from router.keys.signed_urls import SignedUrls
from router.keys.store import user_of
from router.keys.wrong_keys import WrongKeys
from router.schemas.errors import ApiError

DOCUMENTATION_PATHS = frozenset({"/docs", "/openapi.json"})
DOCUMENTATION_PREFIX = "/static-offline-docs/"
BASIC_PREFIX = "/sdapi/"
"""Paths where ``Authorization: Basic`` is understood, as the programs that call them know no other form.

Not elsewhere: browsers send it unasked once they know it, also for pages of other sites."""


@dataclass(frozen=True, slots=True)
class SentKeys:
    """The API keys in a request's headers, by the header's name. ``other_scheme``: there is one in another form."""

    keys: dict[str, str]
    other_scheme: bool

    @classmethod
    def of(cls, headers: Headers, path: str) -> Self:
        """The keys in ``Authorization: Bearer <key>`` and in ``x-api-key``, which Anthropic's clients send.

        On paths of ``BASIC_PREFIX``, it is also the password of ``Authorization: Basic``, whoever the user is.
        """
        authorization = headers.get("authorization", "")
        scheme, _, credentials = authorization.partition(" ")
        read = {"bearer": str.strip, "basic": _basic_key if path.startswith(BASIC_PREFIX) else None}.get(scheme.lower())
        given = {
            "Authorization": read(credentials) if read is not None else "",
            "x-api-key": headers.get("x-api-key", "").strip(),
        }
        keys = {name: key for name, key in given.items() if key}
        return cls(keys, bool(authorization.strip()) and read is None)

    def fault(self) -> str:
        """What is wrong, if none of the keys is known."""
        if self.keys:
            return f"{next(iter(self.keys))}: expected a valid API key of this server, got an unknown or revoked one"
        if self.other_scheme:
            return "Authorization: expected Bearer <key>, with an API key of this server, got no word Bearer first"
        return "Authorization is required: Bearer <key>, with an API key of this server"


class Authentication:
    """ASGI middleware: records the user of a request's API key in the request's record, or answers 401.

    A named key identifies its user and sets that key's limits. The shared key only grants access: its users are
    identified by their addresses, and none is an administrator. While no key is required, unknown keys are ignored,
    since OpenAI's clients always send one. The ``open_paths`` need no key, nor does the documentation, since browsers
    cannot send the header when they open a page, nor does ``OPTIONS``, which only asks for methods. To read a URL that
    is one of ``signed_urls``, its signature will do.
    The tokens of keys that have a limit of them are counted by ``meter``.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        signed_urls: SignedUrls,
        open_paths: Set[str] = frozenset(),
        meter: TokenMeter | None = None,
    ) -> None:
        self._app = app
        self._access = access
        self._signed_urls = signed_urls
        self._wrong_keys = WrongKeys()
        self._open_paths = open_paths | DOCUMENTATION_PATHS
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["method"] != "OPTIONS" and not self._is_open(scope["path"]):
            refusal = await self._refusal(scope)
            if refusal is not None:
                await error_response(refusal)(scope, receive, send)
                return
            record = record_of(scope)
            record.meter = None if record.limits.tokens_per_day is None else self._meter
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(DOCUMENTATION_PREFIX)

    async def _refusal(self, scope: Scope) -> ApiError | None:
        refusal = await self._authenticate(scope)
        if refusal is None or scope["method"] not in ("GET", "HEAD"):
            return refusal
        try:
            return None if self._signed_urls.permit(scope["path"], scope["query_string"]) else refusal
        except ApiError as error:
            return error

    async def _authenticate(self, scope: Scope) -> ApiError | None:
        """Record the user of a named key; returns the error if the request is refused."""
        behalf: Behalf | None = scope.get(ON_BEHALF)
        if behalf is not None:
            behalf.apply_to(record_of(scope))
            return None
        if OVER_ADMIN_SOCKET in scope:
            record_of(scope).admin = True
            return None
        sent = SentKeys.of(Headers(scope=scope), scope["path"])
        for given in sent.keys.values() or [""]:
            key = await self._access.find(given)
            if key is not None:
                record = record_of(scope)
                record.user, record.key_name, record.key_id = user_of(key), key.name, key.key_id
                record.limits, record.admin = key.limits, key.admin
                return None
            if self._access.is_shared(given):
                return None
        if not self._access.needs_key:
            return None
        refusal = ApiError(401, sent.fault(), code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        return await self._wrong_keys.refuse(record_of(scope).network, refusal) if sent.keys else refusal


def _basic_key(credentials: str) -> str:
    """The password of ``user:password`` in base64, or the user without one; empty if they cannot be read."""
    try:
        user, _, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return (password or user).strip()
