"""The endpoints of the status page, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.server import curves, keys, models, status

SERVER = EndpointFamily(
    routers=(status.router, curves.router, keys.router, keys.json_router, models.router, models.json_router),
    text_paths=frozenset({"/v1/keys", "/v1/pulls", "/v1/models/pull"}),
    quiet_paths=frozenset({"/v1/server", "/v1/server/curves", "/v1/pulls"}),
)
