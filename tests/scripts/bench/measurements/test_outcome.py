from __future__ import annotations

import json

from scripts.bench.measurements.outcome import Outcome


def lines(*chunks: dict[str, object]) -> list[bytes]:
    return [b"data: " + json.dumps(chunk).encode() for chunk in chunks] + [b"", b"data: [DONE]"]


def text(content: str | None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": content}}]}


def read(*chunks: dict[str, object]) -> Outcome:
    outcome = Outcome(0.0)
    for line in lines(*chunks):
        outcome.read_line(line)
    return outcome


def test_tokens_come_from_usage_not_from_chunks() -> None:
    usage = {"completion_tokens": 9, "prompt_tokens": 40, "prompt_tokens_details": {"cached_tokens": 30}}
    outcome = read(text("Once "), text("upon a time"), {"choices": [], "usage": usage})
    assert (outcome.tokens, outcome.prompt_tokens, outcome.cached_tokens) == (9, 40, 30)
    assert (outcome.counted_by, outcome.text, len(outcome.arrived_at_s)) == ("usage", "Once upon a time", 2)


def test_without_usage_chunks_of_text_are_counted() -> None:
    outcome = read(text(None), text("Once "), text(""), text("upon"), {"choices": [], "usage": None})
    assert (outcome.tokens, outcome.counted_by) == (2, "chunks")


def test_an_error_in_the_stream_is_the_outcome_of_the_request() -> None:
    assert "too long" in read({"error": {"message": "too long"}}).error
    outcome = Outcome(0.0)
    outcome.read_line(b"event: error")
    assert outcome.error


def test_an_answer_that_is_not_streamed_arrives_once() -> None:
    outcome = Outcome(0.0)
    outcome.read_answer(
        {"choices": [{"message": {"content": "4"}}], "usage": {"completion_tokens": 2, "prompt_tokens": 5}}
    )
    assert (outcome.message, outcome.tokens, outcome.cached_tokens) == ({"content": "4"}, 2, 0)
    assert len(outcome.arrived_at_s) == 1
