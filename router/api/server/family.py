"""The endpoints of the status page, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.server import status

SERVER = EndpointFamily(routers=(status.router,), quiet_paths=frozenset({"/v1/server"}))
