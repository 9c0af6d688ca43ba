"""Priority and timeout: the fields of all endpoints that generate something."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import BaseModel, Field

from router.jobs.limits import Priority
from router.schemas.errors import ApiError
from router.schemas.shown import shown


class Scheduling(Protocol):
    """How urgent a request is, and how long it may take."""

    def requested_priority(self) -> Priority:
        """The priority that the request asks for."""

    def timeout_s(self, default_s: float, max_s: float) -> float | None:
        """The time limit in seconds: the request's own, or else ``default_s`` (0: no limit). ``None`` is no limit.

        Raises:
            ApiError: 400, it is longer than ``max_s``.
        """


class SchedulingFields(BaseModel):
    """The fields of a body that say so."""

    priority: Literal["interactive", "batch"] = Field(
        "interactive", description="batch work runs when interactive work leaves room."
    )
    timeout: float | None = Field(
        None, gt=0, description="Time limit in seconds, queueing included; then the request is stopped with 504."
    )

    def requested_priority(self) -> Priority:
        """The priority that the request asks for."""
        return Priority(self.priority)

    def timeout_s(self, default_s: float, max_s: float) -> float | None:
        """The time limit in seconds: the request's own, or else ``default_s`` (0: no limit). ``None`` is no limit.

        Raises:
            ApiError: 400, it is longer than ``max_s``.
        """
        if self.timeout is None:
            return default_s or None
        if self.timeout > max_s:
            limit = f"at most {max_s:g} s, the server's --max-timeout-s"
            raise ApiError(400, f"timeout: expected {limit}, got {shown(self.timeout)}", "timeout")
        return self.timeout


DEFAULT_SCHEDULING = SchedulingFields.model_validate({})
