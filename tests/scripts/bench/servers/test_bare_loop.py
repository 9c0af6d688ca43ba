from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.bench.servers.bare_loop import USERS, Stream, main, next_step
from scripts.bench.workloads.catalog import STORY_TOKENS
from scripts.make_gguf.shapes.making import random_model


def test_streams_that_generate_come_before_prompts_and_the_batch_is_full() -> None:
    prompt, running = Stream(0, [1] * 10), Stream(1, [1] * 6, computed=5, token_at_s=[0.1])
    late = Stream(2, [1] * 10)
    assert next_step([prompt, running, late], batch_tokens=13) == [(running, 1), (prompt, 10), (late, 2)]


def test_a_stream_with_all_its_tokens_is_done() -> None:
    assert next_step([Stream(0, [1] * 70, computed=69, token_at_s=[0.1] * STORY_TOKENS)], batch_tokens=512) == []


@pytest.mark.parametrize("family", ["1b", "swa", "recurrent"])
def test_it_measures_any_family_and_computes_common_tokens_once(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = random_model(f"random-tiny-{family}-q4_0", lambda _: None)
    assert main(["--model", str(path), "--threads", "2", "--context", "256", "--slots", str(USERS)]) == 0
    cell = json.loads(capsys.readouterr().out.splitlines()[-1])[f"b{USERS}"]
    assert (cell["requests"], cell["failures"], cell["tokens"]) == (USERS, 0, USERS * STORY_TOKENS)
    assert cell["cached_tokens"] > 0
