"""Anthropic's endpoints, as the application sees them."""

from __future__ import annotations

from router.api.anthropic import endpoints
from router.api.anthropic.endpoints import MESSAGES_PATH
from router.api.anthropic.errors import write_error
from router.api.anthropic.message import MESSAGE
from router.api.endpoint_family import EndpointFamily

ANTHROPIC = EndpointFamily(
    routers=(endpoints.router,),
    operations={MESSAGES_PATH: "chat"},
    writers={MESSAGES_PATH: MESSAGE.restore},
    error_writers={MESSAGES_PATH: write_error},
)
