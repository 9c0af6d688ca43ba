"""Refusals of the broker become HTTP errors."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from router.http.error_handlers import install_error_handlers
from router.jobs.refusals import RefusalReason, Refused

STATUSES = {
    RefusalReason.MODEL_NOT_FOUND: 404,
    RefusalReason.MODEL_NOT_ALLOWED: 403,
    RefusalReason.WORKER_NOT_FOUND: 404,
    RefusalReason.LAST_WORKER: 409,
    RefusalReason.NOT_LOADED: 409,
    RefusalReason.NO_WORKER: 503,
    RefusalReason.QUEUE_FULL: 429,
    RefusalReason.USER_QUEUE_FULL: 429,
    RefusalReason.TOKENS_PER_DAY: 429,
    RefusalReason.REQUEST_TOO_LARGE: 413,
}


def answer_to(refused: Refused) -> tuple[int, dict[str, str | None], str | None]:
    """Status, error object and ``Retry-After`` of an endpoint that raises ``refused``."""
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/")
    async def endpoint() -> None:
        raise refused

    response = TestClient(app).get("/")
    return response.status_code, response.json()["error"], response.headers.get("Retry-After")


@pytest.mark.parametrize("reason", RefusalReason)
def test_each_refusal_reason_has_a_status_and_is_the_error_code(reason: RefusalReason) -> None:
    status, error, retry_after = answer_to(Refused(reason, "no", "model"))
    assert status == STATUSES[reason]
    assert (error["message"], error["param"], error["code"]) == ("no", "model", reason.value)
    assert retry_after is None


def test_the_retry_delay_is_sent_as_retry_after() -> None:
    status, error, retry_after = answer_to(Refused(RefusalReason.QUEUE_FULL, "full", retry_after_s=160))
    assert (status, error["type"], error["param"], retry_after) == (429, "rate_limit_error", None, "160")
