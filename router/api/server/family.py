"""The endpoints of the status page, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.server import curves, keys, status

SERVER = EndpointFamily(
    routers=(status.router, curves.router, keys.router, keys.json_router),
    text_paths=frozenset({"/v1/keys"}),
    quiet_paths=frozenset({"/v1/server", "/v1/server/curves"}),
)
