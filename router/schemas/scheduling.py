"""When a request's work is done: the fields that all endpoints that generate anything have."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from router.jobs.limits import Priority
from router.schemas.errors import ApiError
from router.schemas.shown import shown


class SchedulingFields(BaseModel):
    """How urgent a request is, and how long it may take."""

    priority: Literal["interactive", "batch"] = Field(
        "interactive", description="batch work goes on where interactive work leaves room."
    )
    timeout: float | None = Field(
        None, gt=0, description="Seconds, waiting included, after which the request is given up with 504."
    )

    def asked_priority(self) -> Priority:
        """The priority that the request asks for."""
        return Priority(self.priority)

    def timeout_s(self, default_s: float, max_s: float) -> float | None:
        """The time that the request gets, of a server with these settings; ``None`` for as long as it takes.

        Raises:
            ApiError: 400, more is asked for than the server allows.
        """
        if self.timeout is None:
            return default_s or None
        if self.timeout > max_s:
            raise ApiError(
                400,
                f"timeout is {shown(self.timeout)}; accepted are seconds above 0 and up to {max_s:g}, the server's "
                "--max-timeout-s",
                "timeout",
            )
        return self.timeout


NOTHING_ASKED = SchedulingFields.model_validate({})
