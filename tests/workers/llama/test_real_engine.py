"""The whole text engine in process, with the real weights: seeds, a full cache, failover, budgets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from shared.wire.jobs import Constraint, ConstraintKind, Sampling, TextJob, ToolChoice
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

COUNTING = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"
GREEDY = Sampling(temperature=0)


def _engine(model_path: Path, **options: Any) -> Iterator[LlamaEngine]:
    loaded = LlamaEngine(LlamaOptions(str(model_path), threads=2, slots=8, context_tokens=512, **options))
    loaded.load(lambda fraction: None)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def engine(model_path: Path) -> Iterator[LlamaEngine]:
    yield from _engine(model_path)


@pytest.fixture(scope="module")
def cramped(model_path: Path) -> Iterator[LlamaEngine]:
    """An engine whose cache holds one context."""
    yield from _engine(model_path, kv_tokens=512)


def run(
    engine: LlamaEngine, *jobs: TextJob, generated: list[int] | None = None, begun: Started | None = None
) -> list[list[Payload]]:
    """The payloads of each job, all submitted at once."""
    payloads: dict[str, list[Payload]] = {f"job{i}": [] for i in range(len(jobs))}
    for job_id, job in zip(payloads, jobs, strict=True):
        engine.submit(EngineJob(job_id, job, generated or [], begun=begun))
    while engine.has_work():
        for job_id, payload in engine.step():
            payloads[job_id].append(payload)
    return list(payloads.values())


def text_of(payloads: list[Payload]) -> str:
    return "".join(payload.text for payload in payloads if isinstance(payload, Tokens))


def ids_of(payloads: list[Payload]) -> list[int]:
    return [token for payload in payloads if isinstance(payload, Tokens) for token in payload.token_ids]


def test_the_same_seed_gives_the_same_text_alone_and_with_an_empty_cache(engine: LlamaEngine) -> None:
    texts = []
    for seed in (7, 7, 8):
        engine._cache.clear_kept()
        job = TextJob(prompt="The weather", sampling=Sampling(temperature=1.2, seed=seed), max_tokens=24)
        texts.append(text_of(run(engine, job)[0]))
    assert texts[0] == texts[1] != texts[2]


def test_an_evicted_chat_continues_from_main_memory(engine: LlamaEngine) -> None:
    engine._cache.clear_kept()
    prompt = "One day a fox met a crow that held a piece of cheese in its beak. " * 4
    first = run(engine, TextJob(prompt=prompt, sampling=GREEDY, max_tokens=24))[0]
    longer = TextJob(prompt=prompt + text_of(first) + " And then", sampling=GREEDY, max_tokens=24)
    from_cache = run(engine, longer)[0]
    engine._cache.clear_kept()
    assert engine._cache.used_cells == 0
    from_memory = run(engine, longer)[0]
    assert isinstance(from_memory[0], Started)
    assert from_memory[0].cached_tokens > 64
    assert text_of(from_memory) == text_of(from_cache)


def test_a_full_cache_loses_no_sequence(cramped: LlamaEngine) -> None:
    jobs = [TextJob(prompt=f"Tale {i}:", sampling=GREEDY, max_tokens=150, ignore_eos=True) for i in range(8)]
    answers = run(cramped, *jobs)
    assert cramped.stats().preemptions > 0
    for answer in answers:
        assert isinstance(answer[0], Started)
        assert len(ids_of(answer)) == 150
        assert isinstance(answer[-1], Done)
        assert answer[-1].completion_tokens == 150


def test_a_preempted_text_is_continued(cramped: LlamaEngine) -> None:
    alone = text_of(run(cramped, TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=120))[0])
    before = cramped.stats().preemptions
    others = [TextJob(prompt=f"Tale {i}:", max_tokens=120, ignore_eos=True) for i in range(6)]
    job = TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=120)
    assert text_of(run(cramped, *others, job)[-1]) == alone
    assert cramped.stats().preemptions > before


def test_usage_after_a_failover_is_that_of_the_first_start(engine: LlamaEngine) -> None:
    run(engine, TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=2))
    job = TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=12)
    whole = run(engine, job)[0]
    begun, generated = whole[0], ids_of(whole[:4])
    assert isinstance(begun, Started)
    assert begun.cached_tokens > 0
    engine._cache.clear_kept()
    done = run(engine, job, generated=generated, begun=begun)[0][-1]
    assert isinstance(done, Done)
    assert (done.prompt_tokens, done.cached_tokens, done.completion_tokens) == (
        begun.prompt_tokens,
        begun.cached_tokens,
        12,
    )


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_another_engine_continues_from_the_tokens_already_sent(engine: LlamaEngine, cut: int) -> None:
    job = TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=30, stop=["24"])
    whole = run(engine, job)[0]
    sent, length = ids_of(whole)[:cut], 0
    begun, taken = "", list[int]()
    for payload in whole:
        if isinstance(payload, Tokens) and len(taken) < cut:
            begun, taken = begun + payload.text, taken + payload.token_ids
            length = len(taken)
    assert length == cut
    rest = run(engine, job, generated=sent)[0]
    assert begun + text_of(rest) == text_of(whole)
    done = rest[-1]
    assert isinstance(done, Done)
    assert isinstance(whole[-1], Done)
    assert done.completion_tokens == whole[-1].completion_tokens


def test_a_sequence_that_had_ended_before_its_worker_died_ends_at_once(engine: LlamaEngine) -> None:
    job = TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=5)
    whole = run(engine, job)[0]
    steps = engine.stats().steps
    rest = run(engine, job, generated=ids_of(whole))[0]
    assert [type(payload) for payload in rest] == [Done]
    assert isinstance(rest[0], Done)
    assert rest[0].finish_reason is FinishReason.LENGTH
    assert engine.stats().steps == steps


@pytest.mark.parametrize("prompt", ["word " * 600, "word " * 2_000_000])
def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(engine: LlamaEngine, prompt: str) -> None:
    (refused,) = run(engine, TextJob(prompt=prompt))[0]
    assert isinstance(refused, Failed)
    assert (refused.status, refused.param, refused.code) == (400, "prompt", "context_length_exceeded")
    said = re.fullmatch(
        r"This model's maximum context length is 512 tokens\. "
        r"However, your prompt resulted in ((?:at least )?\d+) tokens\. Please reduce the length of the prompt\. "
        r"\(context_length_exceeded: prompt: expected at most 511 tokens, got (.*)\)",
        refused.message,
    )
    assert said is not None, refused.message
    assert said[1] == said[2]
    assert said[1].startswith("at least ") == (len(prompt) > 100_000)


def test_a_chat_longer_than_the_context_is_refused_in_words_that_programs_look_for(engine: LlamaEngine) -> None:
    """Agents shorten a chat whose refusal reads so; these are the rules of some, with the code."""
    (refused,) = run(engine, TextJob(messages=[{"role": "user", "content": "word " * 600}]))[0]
    assert isinstance(refused, Failed)
    assert (refused.status, refused.param, refused.code) == (400, "messages", "context_length_exceeded")
    rules = (
        r"this model's maximum context length is",  # litellm
        r"context_length_exceeded",  # LangChain, which sees nothing but the message
        r"maximum context length is \d+ tokens",  # OpenCode, pi
        r"reduce the length of the messages",
        r"\bcontext\s*(?:length|window)\b",  # Roo Code
        r"maximum context length is (\d+) tokens\. However, your messages resulted in (\d+) tokens",  # OpenAI's words
    )
    assert [rule for rule in rules if not re.search(rule, refused.message, re.IGNORECASE)] == []


def test_a_suffix_is_refused_by_a_model_that_cannot_fill_in_the_middle(engine: LlamaEngine) -> None:
    (refused,) = run(engine, TextJob(prompt="def add(", suffix="return"))[0]
    assert isinstance(refused, Failed)
    assert (refused.status, refused.param, refused.code) == (400, "suffix", "no_infill")


def test_prompts_that_arrive_together_compute_their_common_prefix_once(engine: LlamaEngine) -> None:
    engine._cache.clear_kept()
    common = " ".join(f"word{i}" for i in range(60))
    answers = run(engine, *(TextJob(prompt=f"{common} {i}", sampling=GREEDY, max_tokens=2) for i in range(6)))
    starts = [answer[0] for answer in answers]
    assert all(isinstance(start, Started) for start in starts)
    cached = [start.cached_tokens for start in starts if isinstance(start, Started)]
    prompt = next(start.prompt_tokens for start in starts if isinstance(start, Started))
    assert cached[0] == 0
    assert all(tokens >= prompt - 4 for tokens in cached[1:])


@pytest.mark.parametrize("choice", [ToolChoice.REQUIRED, ToolChoice.NAMED])
def test_a_call_that_cannot_be_complete_within_the_budget_is_refused(engine: LlamaEngine, choice: ToolChoice) -> None:
    text = {"type": "string", "minLength": 5000}
    parameters = {"type": "object", "properties": {"text": text}, "required": ["text"]}
    tool = {"type": "function", "function": {"name": "write", "parameters": parameters}}
    messages = [{"role": "user", "content": "Write"}]
    job = TextJob(messages=messages, tools=[tool], tool_choice=choice, tool_name="write", max_tokens=40)
    (payloads,) = run(engine, job)
    assert isinstance(payloads[-1], Failed)
    assert (payloads[-1].status, payloads[-1].param) == (400, "max_tokens")


NAMED_CALL = TextJob(
    messages=[{"role": "user", "content": "Jason is 25 years old"}],
    tools=[
        {
            "type": "function",
            "function": {
                "name": "UserDetail",
                "parameters": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "kind": {"const": "user"}},
                    "required": ["name", "kind"],
                },
            },
        }
    ],
    tool_choice=ToolChoice.NAMED,
    tool_name="UserDetail",
    sampling=GREEDY,
    max_tokens=80,
)


def test_tokens_that_the_grammar_forces_first_are_computed_with_the_prompt(engine: LlamaEngine) -> None:
    engine._cache.clear_kept()
    before = engine.stats()
    (payloads,) = run(engine, NAMED_CALL)
    started, opening, first_drawn, done = payloads[0], payloads[1], payloads[2], payloads[-1]
    assert isinstance(started, Started)
    assert isinstance(opening, Tokens)
    assert isinstance(first_drawn, Tokens)
    assert isinstance(done, Done)
    assert len(opening.token_ids) > 10
    assert opening.tool_calls[0].name == "UserDetail"
    assert done.completion_tokens == len(ids_of(payloads))
    assert started.cached_tokens <= started.prompt_tokens
    steps = engine.stats().steps - before.steps
    assert steps < done.completion_tokens - len(opening.token_ids) + 3


@pytest.mark.parametrize("options", [{"top_logprobs": 1}, {"stop": ["never"]}, {"max_tokens": 79}])
def test_a_call_is_the_same_with_and_without_a_forced_start(engine: LlamaEngine, options: dict[str, Any]) -> None:
    """With log probabilities or stop strings there is no forced start."""
    with_opening, other = run(engine, NAMED_CALL)[0], run(engine, replace(NAMED_CALL, **options))[0]
    assert ids_of(with_opening)[:20] == ids_of(other)[:20]
    rows = [row for payload in other if isinstance(payload, Tokens) for row in payload.logprobs]
    assert len(rows) == (len(ids_of(other)) if "top_logprobs" in options else 0)


@pytest.mark.parametrize("cut", [1, 2])
def test_another_engine_continues_a_call_from_its_forced_start(engine: LlamaEngine, cut: int) -> None:
    whole = run(engine, NAMED_CALL)[0]
    sent = ids_of(whole[: 1 + cut])
    rest = run(engine, NAMED_CALL, generated=sent)[0]
    assert sent + ids_of(rest) == ids_of(whole)


@pytest.mark.parametrize("max_tokens", [1, 2, 3])
def test_a_completely_forced_text_stays_within_its_budget(engine: LlamaEngine, max_tokens: int) -> None:
    constraint = Constraint(ConstraintKind.REGEX, "yes yes yes")
    job = TextJob(prompt="Well?", constraint=constraint, sampling=GREEDY, max_tokens=max_tokens)
    (payloads,) = run(engine, job)
    done = payloads[-1]
    if max_tokens < 3:
        assert isinstance(done, Failed)
        assert done.param == "max_tokens"
    else:
        assert isinstance(done, Done)
        assert text_of(payloads) == "yes yes yes"
        assert done.finish_reason is FinishReason.STOP


@pytest.mark.parametrize(("stop", "told"), [(["never", "24"], "24"), ([], None)])
def test_the_end_tells_which_of_the_jobs_stop_strings_it_was(
    engine: LlamaEngine, stop: list[str], told: str | None
) -> None:
    done = run(engine, TextJob(prompt=COUNTING, sampling=GREEDY, max_tokens=60, stop=stop))[0][-1]
    assert isinstance(done, Done)
    assert (done.stop, done.context_full) == (told, False)


@pytest.mark.parametrize("max_tokens", [None, 1000])
def test_the_end_tells_that_the_context_is_full(engine: LlamaEngine, max_tokens: int | None) -> None:
    job = TextJob(prompt_tokens=[30] * 500, sampling=GREEDY, max_tokens=max_tokens, ignore_eos=True)
    done = run(engine, job)[0][-1]
    assert isinstance(done, Done)
    assert (done.finish_reason, done.context_full, done.completion_tokens) == (FinishReason.LENGTH, True, 12)
