"""A family of endpoints: its routes, and what the application must know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter
from starlette.routing import Route

from router.answers.restoring import RestoreWriter
from router.http.error_handlers import ErrorWriter
from router.schemas.missing import MissingApi


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFamily:
    """Endpoints that belong together, and what middleware and traces must know of their paths.

    All paths are exact and have no parameters. The ``open_routers`` need no API key. Requests to ``form_paths`` are
    multipart forms, and those to ``form_or_json_paths`` may be; forms may be larger than other bodies. Bodies of
    ``text_paths`` are JSON without files, also without pictures in chats. ``operations`` maps paths to OpenTelemetry's
    ``gen_ai.operation.name``. ``quiet_paths`` are polled by monitoring: requests to them are logged
    at level debug only, and not traced. ``writers`` go on with the streams of these paths after a restart of the
    router. ``error_writers`` write all errors of requests to these paths and to those below them.
    Those of ``missing`` are paths of other servers' APIs, answered 501.
    """

    routers: tuple[APIRouter, ...] = ()
    open_routers: tuple[APIRouter, ...] = ()
    form_paths: frozenset[str] = frozenset()
    form_or_json_paths: frozenset[str] = frozenset()
    text_paths: frozenset[str] = frozenset()
    operations: Mapping[str, str] = field(default_factory=dict)
    quiet_paths: frozenset[str] = frozenset()
    writers: Mapping[str, RestoreWriter] = field(default_factory=dict)
    error_writers: Mapping[str, ErrorWriter] = field(default_factory=dict)
    missing: Mapping[str, MissingApi] = field(default_factory=dict)

    @property
    def paths(self) -> dict[str, frozenset[str]]:
        """The declared paths and their methods."""
        routes = [route for router in (*self.routers, *self.open_routers) for route in router.routes]
        declared: dict[str, frozenset[str]] = {}
        for route in routes:
            if isinstance(route, Route):
                declared[route.path] = declared.get(route.path, frozenset()) | (route.methods or set())
        return declared

    @property
    def open_paths(self) -> frozenset[str]:
        """The paths that need no API key: those of routes declared on the ``open_routers`` themselves."""
        routes = [route for router in self.open_routers for route in router.routes]
        return frozenset(route.path for route in routes if isinstance(route, Route))
