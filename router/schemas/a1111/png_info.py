"""The body of ``POST /sdapi/v1/png-info``."""

from __future__ import annotations

from pydantic import Field

from router.schemas.base import RequestModel


class PngInfoBody(RequestModel):
    """A picture."""

    image: str = Field(description="A PNG file as base64 or a data URL.")
