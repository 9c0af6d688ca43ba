"""The endpoints of batches, as the application sees them."""

from __future__ import annotations

from router.api.batches import endpoints
from router.api.endpoint_family import EndpointFamily

BATCHES = EndpointFamily(routers=(endpoints.router, endpoints.json_router), text_paths=frozenset({"/v1/batches"}))
