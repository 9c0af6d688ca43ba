"""The endpoints of responses, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.responses import endpoints
from router.api.responses.answer import PATH
from router.api.responses.errors import write_response_error

RESPONSES = EndpointFamily(
    routers=(endpoints.router, endpoints.stored_router),
    operations={PATH: "chat"},
    error_writers={PATH: write_response_error},
)
