"""Thoughts of a real engine: apart from the words, within a budget, before calls and schemas, continued, taken over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.wire.jobs import (
    Constraint,
    ConstraintKind,
    ReasoningEffort,
    ReasoningFormat,
    Sampling,
    TextJob,
    ToolChoice,
)
from shared.wire.payloads import FinishReason, JobError, Started, Tokens
from tests.support.engines.hashed import Answer, answer, prepared, said_by
from tests.support.workers import chat_templates
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.chats import ReasoningOptions

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
JSON = Constraint(ConstraintKind.JSON_SCHEMA, SCHEMA)
TOOL = {"type": "function", "function": {"name": "see", "parameters": SCHEMA}}
SAMPLED = Sampling(temperature=1.0, seed=3)
ASKED = [{"role": "user", "content": "Hello"}]


def engine_with(model_path: Path, folder: Path, template: str) -> LlamaEngine:
    path = folder / "template.jinja"
    path.write_text(template)
    loaded = LlamaEngine(
        LlamaOptions(str(model_path), threads=2, slots=2, context_tokens=1024, chat_template=str(path))
    )
    loaded.load(lambda fraction: None)
    return loaded


@pytest.fixture(scope="module")
def opened(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    """A model whose prompts open a thought."""
    engine = engine_with(model_path, tmp_path_factory.mktemp("opened"), chat_templates.THINKS_IN_PROMPT)
    yield engine
    engine.close()


@pytest.mark.parametrize(
    ("template", "thinks"), [(chat_templates.THINKS_IN_PROMPT, True), (chat_templates.PLAIN, False)]
)
def test_an_engine_tells_whether_its_model_thinks(
    model_path: Path, tmp_path: Path, template: str, thinks: bool
) -> None:
    path = tmp_path / "template.jinja"
    path.write_text(template)
    engine = LlamaEngine(LlamaOptions(str(model_path), threads=2, slots=1, context_tokens=256, chat_template=str(path)))
    try:
        assert engine.load(lambda fraction: None).thinks is thinks
    finally:
        engine.close()


def job(**changes: Any) -> TextJob:
    return TextJob(
        **{"messages": ASKED, "sampling": SAMPLED, "max_tokens": 40, "parallel_tool_calls": False, **changes}
    )


def parts_of(said: Answer) -> tuple[str, str, str]:
    """The thought, the words and the calls' arguments."""
    tokens = [step for step in said if isinstance(step, Tokens)]
    arguments = "".join(delta.arguments for step in tokens for delta in step.tool_calls)
    return "".join(step.reasoning for step in tokens), "".join(step.text for step in tokens), arguments


def test_a_thought_that_the_prompt_opens_is_reasoning_from_its_first_token(opened: LlamaEngine) -> None:
    said = answer(opened, job())
    thought, words, _ = parts_of(said)
    assert thought
    assert words == ""
    first = next(step for step in said if isinstance(step, Tokens))
    assert first.reasoning
    assert said[-1] is FinishReason.LENGTH


@pytest.mark.parametrize("budget", [0, 1, 7])
def test_a_budget_ends_the_thought_whole(opened: LlamaEngine, budget: int) -> None:
    sequence = prepared(opened, job(thinking_budget_tokens=budget))
    thought, words, _ = parts_of(said_by(opened, sequence))
    end = opened._generation.vocabulary.tokenize("\n</think>\n\n", add_special=False, parse_special=True)
    assert bool(thought) == (budget > 0)
    assert "think>" not in thought + words
    assert "\N{REPLACEMENT CHARACTER}" not in thought[-1:]
    assert words
    assert budget <= sequence.reasoning_tokens <= budget + 8 + len(end)


def test_no_effort_means_no_thought(opened: LlamaEngine) -> None:
    for changes in (
        {"reasoning_effort": ReasoningEffort.NONE},
        {"template_options": {"enable_thinking": False}},
        {"thinking_budget_tokens": 0},
    ):
        sequence = prepared(opened, job(**changes))
        thought, words, _ = parts_of(said_by(opened, sequence))
        assert (thought, bool(words), sequence.reasoning_tokens) == ("", True, 0)


def test_a_thought_may_stay_in_the_text(opened: LlamaEngine) -> None:
    apart = parts_of(answer(opened, job(thinking_budget_tokens=7)))
    kept = parts_of(answer(opened, job(thinking_budget_tokens=7, reasoning_format=ReasoningFormat.NONE)))
    assert kept[0] == ""
    assert kept[1].endswith(apart[1])
    assert apart[0].strip() in kept[1]
    assert "</think>" in kept[1]


def test_stop_words_act_on_the_answer_only(opened: LlamaEngine) -> None:
    thought, words, _ = parts_of(answer(opened, job(thinking_budget_tokens=12)))
    stop = thought.strip()[:2]
    stopped = parts_of(answer(opened, job(thinking_budget_tokens=12, stop=[stop, words[3:6]])))
    assert stopped[0] == thought
    assert stopped[1] == words[:3]


@pytest.mark.parametrize("max_tokens", [32, 40, 100])
@pytest.mark.parametrize(
    "changes",
    [
        {"constraint": JSON},
        {"tools": [TOOL], "tool_choice": ToolChoice.REQUIRED},
        {"tools": [TOOL], "tool_choice": ToolChoice.AUTO, "constraint": JSON},
        {"constraint": Constraint(ConstraintKind.REGEX, r"yes|no/never", "regex")},
        {"constraint": Constraint(ConstraintKind.GRAMMAR, 'root ::= "yes" | ("no" "!"{2,3})', "grammar")},
    ],
    ids=["schema", "call", "call or schema", "regex", "grammar"],
)
def test_what_follows_a_thought_is_complete_within_max_tokens(
    opened: LlamaEngine, changes: dict[str, Any], max_tokens: int
) -> None:
    for effort in (None, ReasoningEffort.NONE):
        sequence = prepared(opened, job(**changes, max_tokens=max_tokens, reasoning_effort=effort))
        thought, words, arguments = parts_of(said_by(opened, sequence))
        assert bool(thought) == (effort is None)
        text = arguments or words
        constraint = changes.get("constraint")
        if constraint is not None and constraint.kind is not ConstraintKind.JSON_SCHEMA:
            assert text in ("yes", "no/never", "no!!", "no!!!")
        else:
            assert set(json.loads(text)) == {"a"}
        assert not (arguments and words)
        assert sequence.generated <= max_tokens


@pytest.mark.parametrize("budget", [0, 1, 2])
def test_the_end_of_a_budget_leaves_room_for_the_call(opened: LlamaEngine, budget: int) -> None:
    """It has more tokens than the shortest end that the call could follow."""
    required = job(tools=[TOOL], tool_choice=ToolChoice.REQUIRED, thinking_budget_tokens=budget, max_tokens=1)
    with pytest.raises(JobError) as refused:
        prepared(opened, required)
    needed = int(re.findall(r"about (\d+) tokens", refused.value.failed.message)[0])
    for more in range(5):
        _, words, arguments = parts_of(answer(opened, replace(required, max_tokens=needed + more)))
        assert words == ""
        assert set(json.loads(arguments)) == {"a"}


def test_a_call_may_be_left_out_after_a_thought(opened: LlamaEngine) -> None:
    said = answer(opened, job(tools=[TOOL], tool_choice=ToolChoice.AUTO, thinking_budget_tokens=5))
    thought, words, arguments = parts_of(said)
    assert thought
    assert words or arguments


@pytest.mark.parametrize(
    "last",
    [{"content": "The sky is"}, {"content": "", "reasoning_content": "They ask"}],
    ids=["words", "thought"],
)
def test_the_last_message_is_continued(opened: LlamaEngine, last: dict[str, Any]) -> None:
    messages = [*ASKED, {"role": "assistant", **last}]
    sequence = prepared(opened, job(messages=messages, continues=True))
    vocabulary = opened._generation.vocabulary
    prompt = b"".join(vocabulary.piece(token, special=True) for token in sequence.tokens).decode()
    assert prompt.endswith(last["content"] or last["reasoning_content"])
    thought, words, _ = parts_of(said_by(opened, sequence))
    assert bool(words) == bool(last["content"])
    assert bool(thought) == (not last["content"])


def test_a_continued_answer_satisfies_the_schema_as_a_whole(opened: LlamaEngine) -> None:
    messages = [*ASKED, {"role": "assistant", "content": '{"a": 4'}]
    _, words, _ = parts_of(answer(opened, job(messages=messages, continues=True, constraint=JSON)))
    assert str(json.loads('{"a": 4' + words)["a"]).startswith("4")
    wrong = [*ASKED, {"role": "assistant", "content": "Four"}]
    with pytest.raises(JobError, match=r"^messages: expected a last message that begins an answer"):
        answer(opened, job(messages=wrong, continues=True, constraint=JSON))


@pytest.mark.parametrize("top_logprobs", [None, 1])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"thinking_budget_tokens": 6},
        {"thinking_budget_tokens": 6, "reasoning_format": ReasoningFormat.NONE, "stop": ["zz"]},
        {"tools": [TOOL], "tool_choice": ToolChoice.REQUIRED, "thinking_budget_tokens": 6},
        {"constraint": JSON, "max_tokens": 30},
        {"messages": [*ASKED, {"role": "assistant", "content": "", "reasoning_content": "They"}], "continues": True},
    ],
    ids=["thought", "budget", "kept", "call", "schema", "continued"],
)
def test_an_answer_cut_anywhere_continues_unchanged(
    opened: LlamaEngine, changes: dict[str, Any], top_logprobs: int | None
) -> None:
    given = job(top_logprobs=top_logprobs, **changes)
    first = prepared(opened, given)
    whole = said_by(opened, first)
    for cut in range(len(whole) - 1):
        sent = whole[:cut]
        generated = [token for tokens in sent if isinstance(tokens, Tokens) for token in tokens.token_ids]
        again = prepared(opened, given, generated, Started(7, 0))
        assert sent + said_by(opened, again) == whole, f"cut after {cut} events"
        assert again.reasoning_tokens == first.reasoning_tokens


def test_the_options_of_a_model_say_how_it_thinks() -> None:
    given = ModelSettings(
        name="m",
        kinds=(JobKind.TEXT,),
        engine="llama",
        path="m.gguf",
        reasoning_effort="low",
        reasoning_format="none",
        thinking_budget_tokens=9,
    )
    options = LlamaOptions.of(given, threads=1).reasoning
    assert (options.effort, options.format, options.budget_tokens) == (
        ReasoningEffort.LOW,
        ReasoningFormat.NONE,
        9,
    )
    plain = LlamaOptions.of(ModelSettings(name="m", kinds=(JobKind.TEXT,), engine="llama", path="m.gguf"), threads=1)
    assert plain.reasoning == ReasoningOptions()
