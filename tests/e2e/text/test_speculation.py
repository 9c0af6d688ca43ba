"""The same texts over HTTP with drafts and without: the same file is served twice, once with ``speculate=off``.

Its weights are such that the shape of a batch does not change the rounding.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scripts.make_gguf import make_gguf
from shared.hub.store import ModelStore
from shared.models.resolution import resolve
from tests.support.running_server import RunningServer, running

REPEATED = "red, green, blue, white, black, brown, " * 6
TEMPLATE = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
"""It has no special tokens, so these texts have none."""

BODIES: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "seeded": {"temperature": 0.3, "seed": 7},
    "hot": {"temperature": 1.0, "seed": 8, "top_p": 0.9},
    "stop": {"temperature": 0.3, "seed": 9, "stop": ["qu"]},
    "logprobs": {"temperature": 0.3, "seed": 10, "logprobs": 2},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One file as ``plain`` and, with itself as its draft model, as ``drafting``."""
    folder = tmp_path_factory.mktemp("models")
    plain, drafting = folder / "plain.gguf", folder / "drafting.gguf"
    make_gguf(plain, Path(resolve("smollm2", ModelStore()).path), TEMPLATE)
    shutil.copyfile(plain, drafting)
    with running(f"{plain}@speculate=off", f"{drafting}@draft={plain}") as ready:
        yield ready


def _text(server: RunningServer, model: str, body: dict[str, Any]) -> Any:
    asked = {"prompt": REPEATED, "max_tokens": 60, "ignore_eos": True, **body, "model": model}
    choice = server.post("/v1/completions", asked)["choices"][0]
    return choice["text"], choice["finish_reason"], (choice["logprobs"] or {}).get("tokens")


def test_texts_do_not_depend_on_drafts(server: RunningServer) -> None:
    with ThreadPoolExecutor(len(BODIES)) as users:
        for _ in range(3):  # a worker tries drafts once it knows what its steps cost
            plain, drafting = (
                list(users.map(lambda body, name=name: _text(server, name, body), BODIES.values()))
                for name in ("plain", "drafting")
            )
            assert drafting == plain
            assert all(text for text, *_ in plain)


def test_one_user_has_drafts_that_are_accepted(server: RunningServer) -> None:
    body = {"temperature": 0, "max_tokens": 400}
    assert _text(server, "drafting", body) == _text(server, "plain", body)
    row = next(row for row in server.workers() if row["model"] == "drafting")
    assert row["drafted_tokens"] >= row["accepted_tokens"] > 0


def test_a_predicted_answer_is_the_same(server: RunningServer) -> None:
    asked = {"messages": [{"role": "user", "content": REPEATED}], "max_tokens": 60, "temperature": 0}
    texts = {
        model: server.post("/v1/chat/completions", {**asked, "model": model})["choices"][0]["message"]["content"]
        for model in ("plain", "drafting")
    }
    predicted = {**asked, "model": "drafting", "prediction": {"type": "content", "content": texts["plain"]}}
    answer = server.post("/v1/chat/completions", predicted)
    assert answer["choices"][0]["message"]["content"] == texts["plain"] == texts["drafting"]
