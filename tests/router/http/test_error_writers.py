"""Errors on the paths of an API that has its own form of them."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from router.schemas.errors import ApiError
from shared.settings import ServerSettings
from tests.support.router.client import app_of, ask
from tests.support.router.fake_broker import MODEL, FakeBroker


def _own(error: ApiError, scope: Scope) -> Response:
    return JSONResponse({"wrong": str(error), "at": scope["path"]}, 529 if error.status == 429 else error.status)


def broker_with_own_errors() -> FakeBroker:
    broker = FakeBroker(ServerSettings(models=(MODEL,), run_folder="", api_key="secret"))
    app_of(broker).state.error_writers = {"/v1/other": _own}
    return broker


@pytest.mark.parametrize("path", ["/v1/other", "/v1/other/below"])
def test_every_error_below_the_path_has_its_form(path: str) -> None:
    broker = broker_with_own_errors()
    refused = ask(broker, "GET", path)
    assert (refused.status_code, refused.json()["at"]) == (401, path)
    missing = ask(broker, "GET", path, headers={"Authorization": "Bearer secret"})
    assert missing.status_code == 404
    assert missing.json()["wrong"].startswith(f"there is no GET '{path}'")


@pytest.mark.parametrize("path", ["/v1/others", "/v1"])
def test_other_paths_have_openais_form(path: str) -> None:
    missing = ask(broker_with_own_errors(), "GET", path, headers={"Authorization": "Bearer secret"})
    assert missing.json()["error"]["type"] == "not_found_error"


def test_the_writer_decides_on_the_status() -> None:
    broker = broker_with_own_errors()

    @app_of(broker).get("/v1/other/full")
    async def full() -> None:
        raise ApiError(429, "full")

    answer = ask(broker, "GET", "/v1/other/full", headers={"Authorization": "Bearer secret"})
    assert (answer.status_code, answer.json()["wrong"]) == (529, "full")
