"""The image endpoints, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.images import endpoints, loras, upscaling

IMAGES = EndpointFamily(
    routers=(endpoints.router, endpoints.json_router, upscaling.router, loras.router),
    form_or_json_paths=frozenset({"/v1/images/edits", "/v1/images/upscale", "/v1/img2img"}),
)
