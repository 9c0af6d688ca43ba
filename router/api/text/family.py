"""The text endpoints, as the application sees them."""

from __future__ import annotations

import msgspec

from router.answers.submission import SubmittedRequest
from router.api.endpoint_family import EndpointFamily
from router.api.text import chat, completions, function_calling
from router.api.text.chat_answer import ChatChunks
from router.api.text.completion_answer import CompletionChunks
from router.api.text.rendering import Rendering


def _chat(rendering: bytes, submitted: SubmittedRequest) -> ChatChunks:
    return ChatChunks(msgspec.msgpack.decode(rendering, type=Rendering), submitted)


def _completion(rendering: bytes, submitted: SubmittedRequest) -> CompletionChunks:
    return CompletionChunks(msgspec.msgpack.decode(rendering, type=Rendering), submitted)


OPERATIONS_OF_TEXT = {
    "/v1/completions": "text_completion",
    "/v1/chat/completions": "chat",
    "/v1/function-calling": "chat",
}

TEXT = EndpointFamily(
    routers=(completions.router, chat.router, function_calling.router),
    text_paths=frozenset(OPERATIONS_OF_TEXT),
    operations=OPERATIONS_OF_TEXT,
    writers={"/v1/completions": _completion, "/v1/chat/completions": _chat, "/v1/function-calling": _chat},
)
