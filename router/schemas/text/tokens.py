"""The bodies of ``POST /tokenize`` and ``POST /detokenize``, in the words of llama.cpp's server and of vLLM."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, SkipValidation, field_validator

from router.schemas.base import RequestModel, agreed
from router.schemas.errors import ApiError
from router.schemas.scheduling import SchedulingFields
from router.schemas.text.chat import MAX_MESSAGES, ChatRequest
from router.schemas.text.messages import Message
from router.schemas.text.prompts import are_token_ids, as_token_ids
from shared.wire.jobs import TextJob, TokenizeJob, TokenOutput


class TokenizeRequest(ChatRequest):
    """A text or a chat whose tokens are wanted. A chat may have all fields that it has where it is answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"content": "Tell me a story"}]})

    content: str | None = Field(None, description="The text, in llama.cpp's words.")
    prompt: str | None = Field(None, description="The text, in vLLM's words.")
    messages: list[Message] = Field([], max_length=MAX_MESSAGES, description="Or a chat, as the model is given it.")
    add_special: bool | None = Field(
        None,
        description="Begin a text with the model's BOS token, if it has one; false by default for content, as in "
        "llama.cpp, and true for prompt, as in vLLM. A chat has what its template says.",
    )
    add_special_tokens: bool | None = Field(None, description="vLLM's name for add_special.")
    parse_special: bool = Field(True, description="Whether the text of a special token is that token.")
    with_pieces: bool = Field(False, description="List each token as an object with its id and its piece of the text.")
    return_token_strs: bool = Field(False, description="Add token_strs, the text of each token.")

    def to_job(self) -> TokenizeJob:
        """The job for a worker.

        Raises:
            ApiError: 400, there is no text and no chat, or both, or two fields contradict each other.
        """
        text = agreed({"content": self.content, "prompt": self.prompt})
        output = TokenOutput.PIECES if self.with_pieces or self.return_token_strs else TokenOutput.IDS
        add_special = agreed({"add_special": self.add_special, "add_special_tokens": self.add_special_tokens})
        if self.messages:
            if text is not None:
                name = "content" if self.content is not None else "prompt"
                raise ApiError(400, f"messages: expected either messages or {name}, got both", "messages")
            return TokenizeJob(self.to_jobs()[0], output)
        if text is None:
            raise ApiError(400, "content is required: a text (content or prompt) or a chat (messages)", "content")
        if add_special is None:
            add_special = self.content is None
        return TokenizeJob(TextJob(prompt=text, parse_special=self.parse_special), output, add_special)


class DetokenizeRequest(RequestModel, SchedulingFields):
    """Token ids whose text is wanted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tokens": [19556, 905]}]})

    model: str | None = Field(None, max_length=256, description="The first served text model if absent.")
    tokens: Annotated[list[int], SkipValidation]  # checked below: there may be many

    @field_validator("tokens", mode="before")
    @classmethod
    def _token_ids(cls, given: Any) -> Any:
        ids = as_token_ids(given) if isinstance(given, list) else None
        if ids is None or not are_token_ids(ids):
            raise ValueError("expected a list of token ids (integers from 0)")
        return ids

    def to_job(self) -> TokenizeJob:
        """The job for a worker."""
        return TokenizeJob(TextJob(prompt_tokens=self.tokens), TokenOutput.TEXT)
