"""The body of ``POST /api/generate``."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, field_validator

from router.schemas.base import as_integer
from router.schemas.errors import ApiError
from router.schemas.ollama.generation import OllamaGeneration, content_with
from router.schemas.text.generation import MAX_TOKENS
from shared.wire.jobs import TextJob


class OllamaGenerateRequest(OllamaGeneration):
    """A prompt to answer, or with ``raw`` to continue. Without a prompt, the model is only loaded."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "smollm2", "prompt": "Why is the sky blue?", "stream": False}]}
    )

    prompt: str = ""
    suffix: str = Field("", description="The text after the answer: the model fills in what is between.")
    system: str = ""
    template: str = Field("", description="Noted: the model's own template is used.")
    context: list[int] = Field([], description="The context of an earlier answer, to go on with its conversation.")
    raw: bool = Field(False, description="Continue the prompt as it is, without a chat template.")
    images: list[str] | None = Field(None, description="Pictures as base64, before the prompt.")

    @field_validator("context", mode="before")
    @classmethod
    def _token_ids(cls, given: Any) -> Any:
        ids = [as_integer(token) for token in given] if isinstance(given, list) else [None]
        if not all(type(token) is int and 0 <= token <= MAX_TOKENS for token in ids):
            raise ValueError("expected the context of an earlier answer, a list of token ids")
        return ids

    @property
    def only_loads(self) -> bool:
        return not self.prompt and not self.suffix

    @property
    def notes(self) -> list[str]:
        noted = super().notes
        if self.template:
            noted.append("template: the model's own chat template is used")
        if self.suffix and self.raw:
            noted.append("suffix: has no effect where raw is true")
        elif self.suffix:
            noted += [f"{name}: has no effect beside a suffix" for name in ("system", "context") if getattr(self, name)]
        return noted

    def to_jobs(self) -> list[TextJob]:
        """The job.

        Raises:
            ApiError: 400, two parameters contradict each other.
        """
        self._check_raw()
        fills_in = bool(self.suffix) and not self.raw
        is_chat = not self.raw and not fills_in
        return [
            TextJob(
                prompt=None if is_chat else self.prompt,
                suffix=self.suffix if fills_in else None,
                parse_special=not fills_in,
                messages=self._messages() if is_chat else None,
                template_options=self.template_options() if is_chat else {},
                constraint=self.constraint(),
                sampling=self.sampling(),
                max_tokens=self.options.token_limit(),
                stop=self.options.stops(),
                top_logprobs=self.alternatives(),
                reasoning_effort=self.effort() if is_chat else None,
                context_tokens=self.context if is_chat else [],
                tells_prompt=not self.raw and not self.images,  # pictures are no tokens to go on from
                adapters=self.adapters(),
            )
        ]

    def _messages(self) -> list[dict[str, Any]]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": content_with(self.images, self.prompt, "images")}]

    def _check_raw(self) -> None:
        if self.images and (self.raw or self.suffix):
            got = "raw is true" if self.raw else "there is a suffix"
            raise ApiError(400, f"images: expected none where {got}, got {len(self.images)}", "images")
        if not self.raw:
            return
        for name in ("system", "template", "context"):
            if getattr(self, name):
                raise ApiError(400, f"{name}: expected none where raw is true, got one", name)
