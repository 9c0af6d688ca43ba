"""The declarations of endpoint families match the application's routes."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter

from router.api.endpoint_family import EndpointFamily
from router.api.families import OPEN_PATHS, OPERATIONS, QUIET_PATHS, body_limits
from tests.support.router.client import ask
from tests.support.router.fake_broker import FakeBroker


@pytest.fixture(scope="module")
def documented() -> dict[str, Any]:
    paths: dict[str, Any] = ask(FakeBroker(), "GET", "/openapi.json").json()["paths"]
    return paths


def test_every_declared_path_is_served(documented: dict[str, Any]) -> None:
    declared = {*OPEN_PATHS, *OPERATIONS, *QUIET_PATHS, *body_limits(1, 2)}
    assert declared
    assert declared <= set(documented)


def test_exactly_the_endpoints_that_take_forms_have_limits_of_their_own(documented: dict[str, Any]) -> None:
    limits = body_limits(max_body_bytes=1000, max_form_bytes=10)
    expected = {}
    for path, methods in documented.items():
        bodies = set(methods.get("post", {}).get("requestBody", {}).get("content", {}))
        if "multipart/form-data" in bodies:
            expected[path] = 1000 if "application/json" in bodies else 10
    assert limits == expected
    assert len(limits) == 4


def test_an_open_routers_paths_are_open() -> None:
    router = APIRouter()
    router.get("/toy")(lambda: "toy")
    assert EndpointFamily(open_routers=(router,)).open_paths == {"/toy"}
