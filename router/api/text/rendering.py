"""How a text answer's chunks are written: what of a request's body they depend on."""

from __future__ import annotations

from router.schemas.text.chat import ChatRequest
from router.schemas.text.completions import CompletionRequest
from router.schemas.text.function_calling import FunctionCallingRequest
from shared.wire.codec import Struct


class Rendering(Struct, frozen=True):
    """What chunk writers read of a body: ``alternatives`` for completions, the other ones for chats.

    With ``long_ids``, the ids of calls name function and answer.
    """

    include_usage: bool
    logprobs: bool = False
    is_legacy: bool = False
    alternatives: int | None = None
    long_ids: bool = False

    @classmethod
    def of(cls, body: ChatRequest | CompletionRequest) -> Rendering:
        """The rendering that a body asks for."""
        include_usage = body.stream_options.include_usage
        if isinstance(body, ChatRequest):
            long_ids = isinstance(body, FunctionCallingRequest)
            return cls(include_usage, body.logprobs, body.is_legacy, long_ids=long_ids)
        return cls(include_usage, alternatives=body.alternatives())
