"""The speech endpoints, as the application sees them."""

from __future__ import annotations

from router.api.audio import endpoints
from router.api.endpoint_family import EndpointFamily

AUDIO = EndpointFamily(
    routers=(endpoints.router,),
    form_paths=frozenset({"/v1/audio/transcriptions", "/v1/audio/translations"}),
)
