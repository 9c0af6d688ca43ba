from __future__ import annotations

from scripts.bench.servers.bare_loop import Stream, next_step
from scripts.bench.workloads.catalog import STORY_TOKENS


def test_streams_that_generate_come_before_prompts_and_the_batch_is_full() -> None:
    prompt, running = Stream(0, [1] * 10), Stream(1, [1] * 6, computed=5, token_at_s=[0.1])
    late = Stream(2, [1] * 10)
    assert next_step([prompt, running, late], batch_tokens=13) == [(running, 1), (prompt, 10), (late, 2)]


def test_a_stream_with_all_its_tokens_is_done() -> None:
    assert next_step([Stream(0, [1] * 70, computed=69, token_at_s=[0.1] * STORY_TOKENS)], batch_tokens=512) == []
