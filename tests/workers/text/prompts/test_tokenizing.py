"""Jobs that only want to know tokens, in the whole text engine with the real vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.wire.jobs import TextJob, TokenizeJob, TokenOutput, ToolChoice
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, Tokenized
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.prompts.tokenizing import MAX_LISTED

CONTEXT = 512
TEXT = "Höhe: 8.849 m 🏔"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CHAT = TextJob(
    messages=[{"role": "user", "content": "How high is it?"}], tools=[TOOL], tool_choice=ToolChoice.AUTO, max_tokens=1
)


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    loaded = LlamaEngine(LlamaOptions(str(model_path), threads=2, slots=1, context_tokens=CONTEXT))
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


def payloads(engine: LlamaEngine, *jobs: TextJob | TokenizeJob) -> list[tuple[str, Payload]]:
    """All events, in order, of jobs that are submitted together; their ids are their indices."""
    for index, job in enumerate(jobs):
        engine.submit(EngineJob(str(index), job))
    emitted = []
    while engine.has_work():
        emitted += engine.step()
    return emitted


def tokenized(engine: LlamaEngine, text: TextJob, output: TokenOutput, add_special: bool = True) -> Tokenized:
    events = [payload for _, payload in payloads(engine, TokenizeJob(text, output, add_special))]
    assert [events[0], *events[2:]] == [Started(0, 0), Done(FinishReason.STOP, 0, 0, 0, 0.0)]
    assert isinstance(events[1], Tokenized)
    assert events[1].context_tokens == CONTEXT
    return events[1]


@pytest.mark.parametrize("job", [TextJob(prompt=TEXT, max_tokens=1), CHAT], ids=["text", "chat with tools"])
def test_the_count_is_that_of_the_prompt_that_would_be_computed(engine: LlamaEngine, job: TextJob) -> None:
    started = next(payload for _, payload in payloads(engine, job) if isinstance(payload, Started))
    counted = tokenized(engine, job, TokenOutput.COUNT)
    assert (counted.count, counted.token_ids, counted.text) == (started.prompt_tokens, [], "")


def test_tools_count(engine: LlamaEngine) -> None:
    without = TextJob(messages=CHAT.messages)
    assert tokenized(engine, CHAT, TokenOutput.COUNT).count > tokenized(engine, without, TokenOutput.COUNT).count + 20


def test_the_pieces_are_the_bytes_of_the_tokens(engine: LlamaEngine) -> None:
    found = tokenized(engine, TextJob(prompt=TEXT), TokenOutput.PIECES)
    assert len(found.pieces) == len(found.token_ids) == found.count
    assert b"".join(found.pieces).decode() == TEXT


@pytest.mark.parametrize("text", ["", "a", TEXT, " leading", "two\n\nlines", "<|im_start|>user"])
def test_the_text_of_the_tokens_is_the_text_again(engine: LlamaEngine, text: str) -> None:
    tokens = tokenized(engine, TextJob(prompt=text), TokenOutput.IDS).token_ids
    back = tokenized(engine, TextJob(prompt_tokens=tokens), TokenOutput.TEXT)
    assert (back.text, back.count, back.token_ids) == (text, len(tokens), [])


def test_a_special_token_is_one_unless_it_is_to_be_read_as_text(engine: LlamaEngine) -> None:
    assert tokenized(engine, TextJob(prompt="<|im_start|>"), TokenOutput.COUNT).count == 1
    assert tokenized(engine, TextJob(prompt="<|im_start|>", parse_special=False), TokenOutput.COUNT).count > 1


def test_a_prompt_beyond_the_context_is_counted(engine: LlamaEngine) -> None:
    assert tokenized(engine, TextJob(prompt="hello " * 2000), TokenOutput.COUNT).count > 2000


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (TokenOutput.IDS, "content: expected at most 4 tokens to list, got 5"),
        (TokenOutput.PIECES, "with_pieces: expected at most 4 tokens to list with their texts, got 5"),
    ],
)
def test_too_many_to_list_are_refused_with_their_number(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch, output: TokenOutput, message: str
) -> None:
    monkeypatch.setitem(MAX_LISTED, output, 4)
    ((_, failed),) = payloads(engine, TokenizeJob(TextJob(prompt="1 2 3"), output))
    assert failed == Failed(400, message, message.partition(":")[0])
    monkeypatch.setitem(MAX_LISTED, output, 5)
    assert len(tokenized(engine, TextJob(prompt="1 2 3"), output).token_ids) == 5


def test_an_unknown_token_is_refused(engine: LlamaEngine) -> None:
    ((_, failed),) = payloads(engine, TokenizeJob(TextJob(prompt_tokens=[1, 49152]), TokenOutput.TEXT))
    assert failed == Failed(400, "tokens: expected token ids from 0 to 49151, got 49152", "tokens")


def test_the_tokens_that_begin_and_end_a_text_are_told(engine: LlamaEngine) -> None:
    assert tokenized(engine, TextJob(prompt=""), TokenOutput.ENDS).pieces == [b"<|im_start|>", b"<|im_end|>"]


def test_nothing_waits_for_what_is_generated(engine: LlamaEngine) -> None:
    events = payloads(engine, TextJob(prompt=TEXT, max_tokens=40), TokenizeJob(TextJob(prompt=TEXT)))
    ends = [job_id for job_id, payload in events if isinstance(payload, Done)]
    assert ends == ["1", "0"]
    assert engine.stats().running == engine.stats().waiting == 0
