"""Other people's clients, unchanged: every cell of the table in docs/clients.md is what the client saw."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clients.packages import CLIENTS, ClientProgram
from tests.support.clients.runs import CHAT_MODEL, QUESTIONS, SCRIPTED_MODEL, ClientRuns
from tests.support.clients.served import ClientServer, cancelled
from tests.support.clients.table import PrintedRow, printed_rows
from tests.support.models.scripted_model import THOUGHT, VALUE, WORDS

pytestmark = pytest.mark.timeout(900)  # the first test waits for the installation

ROWS = printed_rows()
CELLS = [
    pytest.param(program, row, feature, id=f"{row.name}: {feature}")
    for program in CLIENTS
    for row in ROWS
    if row.client in program.clients
    for feature in sorted(row.features)
]
CALL = [[QUESTIONS["function"]["name"], {"city": VALUE}]]


@pytest.mark.parametrize(("program", "row", "feature"), CELLS)
def test_a_feature_works_as_the_table_says(
    program: ClientProgram, row: PrintedRow, feature: str, runs: ClientRuns, client_server: ClientServer
) -> None:
    found = runs.of(program)[row.name].get(feature)
    assert found is not None, f"{program.file} does not try it"
    assert "failed" not in found, found["failed"]
    if feature == "cancel":
        assert cancelled(client_server, row.name)
    elif feature == "tokens":
        check_tokens(found["seen"], client_server)
    else:
        CHECKS[feature](found["seen"])


@pytest.mark.parametrize("program", CLIENTS, ids=lambda program: program.name)
def test_the_table_has_all_that_was_tried(program: ClientProgram, runs: ClientRuns) -> None:
    printed = {row.name: row.features for row in ROWS if row.client in program.clients}
    assert {name: frozenset(features) for name, features in runs.of(program).items()} == printed


@pytest.mark.parametrize("program", CLIENTS, ids=lambda program: program.name)
def test_the_table_has_the_versions_that_were_tried(program: ClientProgram) -> None:
    printed = {row.client: row.version for row in ROWS if row.client in program.clients}
    assert printed == {client: program.version_of(client) for client in program.clients}


def check_chat(seen: dict[str, Any]) -> None:
    assert "Paris" in seen["text"]


def check_stream(seen: dict[str, Any]) -> None:
    assert len(seen["pieces"]) > 4
    assert "Paris" in "".join(seen["pieces"])


def check_tools(seen: dict[str, Any]) -> None:
    assert seen == {"calls": CALL, "text": WORDS}


def check_structured(seen: dict[str, Any]) -> None:
    assert seen["city"] == VALUE
    assert type(seen["days"]) is int


def check_thought(seen: dict[str, Any]) -> None:
    assert {name: text.strip() for name, text in seen.items()} == {
        "thought": THOUGHT,
        "text": WORDS,
        "streamed": THOUGHT,
    }


def check_overflow(seen: dict[str, Any]) -> None:
    assert seen["status"] == 400
    assert seen["recognised"]


def check_wrong_key(seen: dict[str, Any]) -> None:
    assert seen == {"status": 401}


def check_models(seen: list[str]) -> None:
    assert {CHAT_MODEL, SCRIPTED_MODEL} <= {name.removesuffix(":latest") for name in seen}


def check_embeddings(seen: list[list[float]]) -> None:
    cat, kitten, exchange = seen
    assert len(cat) == len(kitten) == len(exchange) > 100
    assert cosine(cat, kitten) > 0.6 > 0.4 > cosine(cat, exchange)


def check_tokens(seen: dict[str, Any], server: ClientServer) -> None:
    """They are those of the same chat over plain HTTP."""
    messages = [{"role": "user", "content": QUESTIONS["weather"]}]
    usage = server.server.post("/v1/chat/completions", {"model": SCRIPTED_MODEL, "messages": messages})["usage"]
    expected = [usage["prompt_tokens"], usage["completion_tokens"]]
    assert [seen["input"], seen["output"]] == expected
    assert seen["streamed"] == expected


def cosine(one: list[float], other: list[float]) -> float:
    """Of two vectors of any length."""
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths


CHECKS: dict[str, Callable[[Any], None]] = {
    "chat": check_chat,
    "stream": check_stream,
    "tools": check_tools,
    "tool_stream": check_tools,
    "structured": check_structured,
    "thought": check_thought,
    "overflow": check_overflow,
    "wrong_key": check_wrong_key,
    "models": check_models,
    "embeddings": check_embeddings,
}
