"""The text endpoints, as the application sees them."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.text import chat, completions, function_calling, tokens
from router.api.text.chat_answer import CHAT
from router.api.text.completion_answer import COMPLETION

OPERATIONS_OF_TEXT = {
    "/v1/completions": "text_completion",
    "/v1/chat/completions": "chat",
    "/v1/function-calling": "chat",
}

TEXT_PATHS = frozenset(("/v1/completions", "/detokenize", "/v1/detokenize"))

TEXT = EndpointFamily(
    routers=(completions.router, chat.router, function_calling.router, tokens.router, tokens.info_router),
    text_paths=TEXT_PATHS,
    operations=OPERATIONS_OF_TEXT,
    writers={
        "/v1/completions": COMPLETION.restore,
        "/v1/chat/completions": CHAT.restore,
        "/v1/function-calling": CHAT.restore,
    },
)
