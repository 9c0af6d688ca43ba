"""The endpoints of files, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.files import endpoints

FILES = EndpointFamily(routers=(endpoints.router,), form_paths=frozenset({"/v1/files"}))
