"""APIs that the server does not have."""

from __future__ import annotations

import re

import pytest

from router.api.families import MISSING_APIS, PATHS
from router.api.missing.family import MISSING
from tests.support.printed import sections, table_rows
from tests.support.router.client import ask
from tests.support.router.fake_broker import FakeBroker

ANTHROPICS = "/v1/messages/batches"


@pytest.mark.parametrize("path", sorted(MISSING.missing.keys() - {ANTHROPICS}))
def test_a_known_api_that_is_missing_is_501_with_what_there_is_instead(path: str) -> None:
    response = ask(FakeBroker(), "POST", path, json={"model": "smol"})
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (501, "server_error", "not_supported")
    api = MISSING_APIS[path]
    assert error["message"] == f"POST '{path}': this server has no {api.what}; {api.instead}"
    assert response.headers["X-Should-Retry"] == "false"  # OpenAI's clients would send it again


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/fine_tuning/jobs/ftjob-1/events"),
        ("POST", "/v1/threads/thread_1/runs"),
        ("DELETE", "/v1/assistants/asst_1"),
        ("GET", "/v1/realtime"),
        ("POST", "/moderations"),
        ("POST", "/v1/moderations/"),
    ],
)
def test_so_is_all_that_is_below_with_any_method_and_without_v1(method: str, path: str) -> None:
    assert ask(FakeBroker(), method, path).status_code == 501


def test_anthropics_clients_get_its_form() -> None:
    response = ask(FakeBroker(), "POST", ANTHROPICS, json={})
    assert response.status_code == 501
    assert response.json()["type"] == "error"
    assert "POST /v1/batches" in response.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/moderationsx", "/v1/thread", "/v1/x/threads", "/v1/messages/batch"])
def test_other_unknown_paths_are_404(path: str) -> None:
    assert ask(FakeBroker(), "POST", path, json={}).status_code == 404


def test_nothing_is_missing_that_is_there() -> None:
    assert [path for path in PATHS for missing in MISSING_APIS if f"{path}/".startswith(f"{missing}/")] == []


def test_what_is_there_instead_is_there() -> None:
    """As far as the paths that are named belong to families of their own."""
    named = {match for api in MISSING_APIS.values() for match in re.findall(r"(?:POST|GET) (/v1/\S+)", api.instead)}
    assert named - PATHS.keys() <= {"/v1/files", "/v1/batches"}


def test_each_is_documented() -> None:
    rows = table_rows(sections("docs/api.md")["What there is not"])
    printed = {path for paths, *_ in rows for path in re.findall(r"`(/v1/[^`]+)`", paths)}
    assert printed == MISSING.missing.keys()
