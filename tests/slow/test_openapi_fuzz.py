"""Requests that are made up from the server's own OpenAPI document: none fails in the server, and every status and
content type that comes back is documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from router.app import create_app
from router.jobs.broker import Broker
from shared.settings import ServerSettings
from tests.support.running_server import RunningServer, running

CHECKS = [status_code_conformance, content_type_conformance]
CALM = [*HealthCheck]
TIMEOUT_S = 120.0
LENGTHS = {"max_tokens": 8, "max_new_tokens": 8, "max_completion_tokens": 8, "max_output_tokens": 16, "num_predict": 8}
MOST = {**LENGTHS, "n": 2, "best_of": 2, "beam_size": 2}
NOT_SUPPORTED = 501


def _document(every_field: bool) -> BaseSchema:
    """The document, without orders to workers and models. ``every_field``: with requests for each single rule."""
    app = create_app(Broker(ServerSettings(models=(), run_folder="unused")))
    document: BaseSchema = schemathesis.openapi.from_dict(app.openapi())
    document.config.phases.coverage.enabled = every_field
    orders = "/v1/workers/.*(drain|restart)|/v1/models/(pull|.*/(load|unload))|/api/(pull|delete|copy)"
    return document.exclude(path_regex=orders)


@pytest.fixture(scope="module")
def echo() -> Iterator[RunningServer]:
    with running("echo") as ready:
        yield ready


@_document(every_field=True).parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=CALM, derandomize=True)
def test_no_request_fails_in_the_server_and_every_answer_is_documented(case: Case[Any], echo: RunningServer) -> None:
    _ask(case, echo)


@(
    _document(every_field=False)
    .include(path_regex="completions|function|responses|messages|/api/(chat|generate)")
    .parametrize()
)
@settings(max_examples=6, deadline=None, suppress_health_check=CALM, derandomize=True)
def test_nor_does_one_that_reaches_a_model(case: Case[Any], server: RunningServer) -> None:
    _ask(case, server)


@(_document(every_field=False).include(path_regex="completions|function|messages|tokenize|/api/chat").parametrize())
@settings(max_examples=6, deadline=None, suppress_health_check=CALM, derandomize=True)
def test_nor_one_that_reaches_a_model_in_onnx(case: Case[Any], onnx_server: RunningServer) -> None:
    _ask(case, onnx_server)


def _ask(case: Case[Any], server: RunningServer) -> None:
    _make_cheap(case)
    response = case.call(base_url=server.url, timeout=TIMEOUT_S)
    assert response.status_code < 500 or response.status_code == NOT_SUPPORTED, response.text
    case.validate_response(response, checks=CHECKS)


def _make_cheap(case: Case[Any]) -> None:
    """Bound what is too much, and what would be by default; all else stays as it was made up.

    A deadline that has passed is a 504, as it should be; so that none does, all are late.
    """
    body: Any = case.body
    if not isinstance(body, dict):
        return
    length = "max_output_tokens" if case.path.startswith("/v1/responses") else "max_tokens"
    bounded = body
    if re.match("/api/(chat|generate)", case.path):
        length, bounded = "num_predict", body.setdefault("options", {})
    if isinstance(bounded, dict):
        _bound(bounded, length if re.search("completions|function|responses|messages|/api/", case.path) else None)
    timeout = body.get("timeout")
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout < TIMEOUT_S:
        body["timeout"] = TIMEOUT_S


def _bound(fields: dict[str, Any], length: str | None) -> None:
    """Lower what is above the most, and set ``length`` where nothing limits the answer."""
    for name, most in MOST.items():
        value = fields.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):  # 2e9 is a whole number, too
            continue
        if value > most or name == "num_predict":
            fields[name] = most
    if length is not None and not fields.keys() & LENGTHS.keys():
        fields[length] = LENGTHS[length]
