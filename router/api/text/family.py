"""The text endpoints, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.text import chat, completions, function_calling

TEXT = EndpointFamily(
    routers=(completions.router, chat.router, function_calling.router),
    operations={
        "/v1/completions": "text_completion",
        "/v1/chat/completions": "chat",
        "/v1/function-calling": "chat",
    },
)
