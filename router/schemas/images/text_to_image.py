"""The bodies of the endpoints that paint from text."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field, field_validator

from router.schemas.images.request import MAX_SEED, ImageRequest
from router.schemas.images.sources import Source


class Txt2ImgRequest(ImageRequest):
    """A picture from text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prompt": "A girl, standing in a field of flowers, vivid",
                    "image_path": "",
                    "cfg_scale": 7,
                    "width": 256,
                    "height": 256,
                    "sample_steps": 20,
                    "seed": 0,
                    "negative_prompt": "",
                }
            ]
        }
    )

    image_path: Source = Field("", description="Must be empty; for an input picture, use /v1/img2img.")

    @field_validator("image_path")
    @classmethod
    def _no_input(cls, given: str) -> str:
        if given.strip():
            raise ValueError("expected no input picture (POST /v1/img2img accepts one)")
        return given


class GenerationsRequest(Txt2ImgRequest):
    """As :class:`Txt2ImgRequest`, with OpenAI's defaults."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": "A lighthouse at dawn", "size": "512x512"}]})
    is_native: ClassVar[bool] = False

    seed: int = Field(-1, ge=-1, le=MAX_SEED, description="-1 draws one, which the answer contains.")
