"""Refusals of jobs and of operators' orders, without HTTP: :mod:`router.schemas.errors` gives them a status."""

from __future__ import annotations

from enum import StrEnum


class RefusalReason(StrEnum):
    """Why something was refused. Clients see the value as the error's code."""

    MODEL_NOT_FOUND = "model_not_found"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    WORKER_NOT_FOUND = "worker_not_found"
    LAST_WORKER = "last_worker"
    NOT_LOADED = "not_loaded"
    NO_WORKER = "no_worker"
    QUEUE_FULL = "queue_full"
    USER_QUEUE_FULL = "user_queue_full"
    TOKENS_PER_DAY = "tokens_per_day_exceeded"
    REQUEST_TOO_LARGE = "request_too_large"


class Refused(Exception):
    """A job or an operator's order was refused and had no effect.

    ``field`` is the request's field at fault, ``retry_after_s`` the estimated time until a new attempt may succeed.
    """

    def __init__(
        self, reason: RefusalReason, message: str, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field
        self.retry_after_s = retry_after_s


def no_worker(model: str, reason: str) -> Refused:
    """The refusal of a job whose model will never have a ready worker; ``reason`` says why."""
    told = reason.removeprefix(f"{model}: ")  # some reasons name the model, as they also stand alone
    return Refused(RefusalReason.NO_WORKER, f"model: no worker can serve {model!r}: {told}", "model")
