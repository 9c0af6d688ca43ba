"""The body of ``POST /sdapi/v1/options``."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from router.schemas.base import RequestModel


class OptionsBody(RequestModel):
    """Settings to change; programs also send all that they have read."""

    model_config = ConfigDict(extra="allow")

    sd_model_checkpoint: str | None = None

    @property
    def others(self) -> dict[str, Any]:
        """The other settings."""
        return self.model_extra or {}
