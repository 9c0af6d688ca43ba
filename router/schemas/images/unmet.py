"""Fields of OpenAI's newest pictures that no model here has: refused, or told where they change little."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator


class UnmetFields(BaseModel):
    """The fields of a body that are known, and not met."""

    style: Literal["vivid", "natural"] | None = Field(None, description="Of DALL-E 3; has no effect.")
    complexity: Literal["low", "medium", "high"] | None = Field(None, description="Has no effect: nothing is planned.")
    frame_count: int | None = Field(None, description="Refused: pictures have one frame.")
    frame_duration_ms: int | None = Field(None, description="Refused, likewise.")
    svg: Any = Field(None, description="Refused: pictures are made of pixels.")
    markup: Any = Field(None, description="Refused: draw on the picture itself.")

    @field_validator("frame_count", "frame_duration_ms", "svg")
    @classmethod
    def _no_other_kind(cls, given: Any) -> Any:
        if given is not None:
            raise ValueError("expected a request without it, since pictures are no GIF or SVG files here")
        return given

    @field_validator("markup")
    @classmethod
    def _no_markup(cls, given: Any) -> Any:
        if given is not None:
            raise ValueError("expected a request without it, with the drawing on the picture itself")
        return given

    def unmet_notes(self) -> list[str]:
        """Those that have no effect."""
        notes = [] if self.style is None else ["style: has no effect, unlike words of the prompt"]
        return notes if self.complexity is None else [*notes, "complexity: has no effect; quality sets the steps"]
