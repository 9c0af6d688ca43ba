"""Files and batches with the openai package, unchanged."""

from __future__ import annotations

import json

import pytest

from tests.support.clients.packages import BATCHES, CLIENTS
from tests.support.clients.runs import QUESTIONS, run_file
from tests.support.clients.served import ClientServer
from tests.support.models.scripted_model import WORDS


@pytest.mark.timeout(600)
def test_a_batch_is_answered_line_by_line_and_another_is_cancelled(client_server: ClientServer) -> None:
    task = {**QUESTIONS, "url": client_server.server.url, "key": client_server.keys[BATCHES]}
    seen = run_file(CLIENTS[0], "batch_openai.py", json.dumps(task))
    assert (seen["status"], seen["counts"]) == ("completed", {"completed": 3, "failed": 1, "total": 4})
    assert seen["answers"] == {"ask-0": WORDS, "ask-1": WORDS, "ask-2": WORDS}
    assert seen["errors"] == {"bad": 400}
    assert seen["cancelled"] == "cancelled"
    assert seen["listed"] == seen["files"] == ["stories.jsonl", "weather.jsonl"]
