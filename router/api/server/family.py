"""The endpoints of the status page, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.server import curves, status

SERVER = EndpointFamily(
    routers=(status.router, curves.router),
    quiet_paths=frozenset({"/v1/server", "/v1/server/curves"}),
)
