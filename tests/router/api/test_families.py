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
    declared = {*OPEN_PATHS, *OPERATIONS, *QUIET_PATHS, *body_limits(1, 1, 2)}
    assert declared
    assert {path for path in declared if not path.startswith("/web/")} <= set(documented)


WITH_PICTURES = {
    "/api/chat",
    "/api/generate",
    "/sdapi/v1/extra-batch-images",
    "/sdapi/v1/extra-single-image",
    "/sdapi/v1/img2img",
    "/sdapi/v1/png-info",
    "/sdapi/v1/txt2img",
    "/tokenize",
    "/v1/images/generations",
    "/v1/txt2img",
    "/v1/chat/completions",
    "/v1/function-calling",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
    "/v1/responses/input_tokens",
    "/v1/tokenize",
}
"""May have pictures."""


def test_bodies_are_limited_by_what_they_are_for(documented: dict[str, Any]) -> None:
    """Text by its own limit, forms by theirs, and pictures in JSON by that of all other bodies."""
    limits = body_limits(max_body_bytes=1000, max_text_bytes=20, max_form_bytes=10)
    expected = {}
    for path, methods in documented.items():
        bodies = {kind for method in methods.values() for kind in method.get("requestBody", {}).get("content", {})}
        if "multipart/form-data" in bodies:
            expected[path] = 1000 if "application/json" in bodies else 10
        elif bodies and path not in WITH_PICTURES:
            expected[path] = 80
    assert limits == expected
    assert len(limits) > 10


def test_the_limit_of_text_is_never_above_that_of_bodies() -> None:
    assert body_limits(1000, 251, 10)["/v1/completions"] == 1000


def test_an_open_routers_paths_are_open() -> None:
    router = APIRouter()
    router.get("/toy")(lambda: "toy")
    assert EndpointFamily(open_routers=(router,)).open_paths == {"/toy"}
