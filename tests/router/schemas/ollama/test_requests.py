"""From the bodies of ``/api/chat`` and ``/api/generate`` to jobs."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from router.schemas.errors import ApiError
from router.schemas.ollama.options import DEFAULT_SAMPLING
from shared.wire.jobs import Constraint, ConstraintKind, ReasoningEffort, ToolChoice
from tests.support.router.ollama_bodies import (
    QUESTION,
    chat_job,
    ollama_chat,
    ollama_chat_refusal,
    ollama_text,
    ollama_text_refusal,
    text_job,
)

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "see", "parameters": {"type": "object", "properties": {}}}}
CALL = {"function": {"name": "see", "arguments": {"at": "é"}}}


def test_a_chat_is_sent_as_it_is() -> None:
    job = chat_job(options={"num_predict": 5, "stop": ["."]})
    assert job.messages == [QUESTION]
    assert (job.max_tokens, job.stop, job.tool_choice, job.continues) == (5, ["."], ToolChoice.NONE, False)
    assert (job.reasoning_effort, job.template_options, job.constraint, job.top_logprobs) == (None, {}, None, None)


def test_streams_are_the_default() -> None:
    assert ollama_chat().stream
    assert not ollama_text(stream=False).stream


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("json", (ConstraintKind.JSON_OBJECT, None)),
        (SCHEMA, (ConstraintKind.JSON_SCHEMA, SCHEMA)),
        ("", None),
        (None, None),
    ],
)
def test_format_is_json_or_a_schema(given: Any, kind: tuple[ConstraintKind, Any] | None) -> None:
    expected = None if kind is None else Constraint(*kind, "format")
    assert chat_job(format=given).constraint == text_job(format=given).constraint == expected


@pytest.mark.parametrize("given", ["xml", 3, ["json"]])
def test_another_format_is_refused(given: Any) -> None:
    assert str(ollama_chat_refusal(format=given)).startswith('format: expected "json" or a JSON schema, got ')


@pytest.mark.parametrize(
    ("think", "effort", "options"),
    [
        (None, None, {}),
        (True, None, {"enable_thinking": True}),
        (False, ReasoningEffort.NONE, {}),
        ("low", ReasoningEffort.LOW, {}),
        ("high", ReasoningEffort.HIGH, {}),
        ("max", ReasoningEffort.XHIGH, {}),
    ],
)
def test_think_says_how_much(think: Any, effort: ReasoningEffort | None, options: dict[str, Any]) -> None:
    for job in (chat_job(think=think), text_job(think=think)):
        assert (job.reasoning_effort, job.template_options) == (effort, options)


def test_think_takes_nothing_else() -> None:
    expected = "think: expected a boolean or one of 'low', 'medium', 'high', 'max', got 'much'"
    assert str(ollama_chat_refusal(think="much")) == expected


def test_a_model_that_does_not_think_is_not_made_to() -> None:
    with pytest.raises(ApiError, match="does not support thinking, got True") as caught:
        ollama_chat(think=True).settle("smol", DEFAULT_SAMPLING, 0, thinks=False)
    assert caught.value.status == 400
    for body, thinks in ((ollama_chat(think=False), False), (ollama_chat(think=True), None)):
        body.settle("smol", DEFAULT_SAMPLING, 0, thinks)


def test_calls_and_results_find_each_other() -> None:
    """Ollama's clients name no ids, and say of a result at most whose it is."""
    asked = {"role": "assistant", "content": "", "tool_calls": [CALL, {"function": {"name": "hear"}}]}
    results = [
        {"role": "tool", "content": "1", "tool_name": "hear"},
        {"role": "tool", "content": "2"},
    ]
    _, answer, heard, seen = chat_job(messages=[QUESTION, asked, *results]).messages or []
    ids = {call["function"]["name"]: call["id"] for call in answer["tool_calls"]}
    assert (heard["tool_call_id"], heard["name"]) == (ids["hear"], "hear")
    assert (seen["tool_call_id"], seen["name"]) == (ids["see"], "see")
    assert len(set(ids.values())) == 2
    assert json.loads(answer["tool_calls"][0]["function"]["arguments"]) == {"at": "é"}


def test_a_result_may_stand_alone() -> None:
    _, told = chat_job(messages=[QUESTION, {"role": "tool", "content": "1", "tool_name": "see"}]).messages or []
    assert told == {"role": "tool", "content": "1", "name": "see"}


def test_ids_that_clients_name_are_kept() -> None:
    asked = {"role": "Assistant", "tool_calls": [{"id": "a", **CALL}, {"id": "b", **CALL}]}
    result = {"role": "tool", "content": "1", "tool_call_id": "b"}
    _, answer, told = chat_job(messages=[QUESTION, asked, result]).messages or []
    assert [call["id"] for call in answer["tool_calls"]] == ["a", "b"]
    assert (told["tool_call_id"], told["name"]) == ("b", "see")


def test_arguments_are_an_object_or_its_text() -> None:
    asked = {"role": "assistant", "tool_calls": [{"function": {"name": "see", "arguments": [1]}}]}
    expected = "arguments: expected an object, or JSON text of one, got [1]"
    assert str(ollama_chat_refusal(messages=[QUESTION, asked])).endswith(expected)


def steps_of(answers: int) -> int:
    """Python's calls and returns while a chat of so many answers with 100 calls each, and of results, is read."""
    asked = [{"role": "assistant", "tool_calls": [{"function": {"name": f"f{n}"}} for n in range(100)]}] * answers
    results = [{"role": "tool", "content": "1", "tool_call_id": "none"}] * (30 * answers)
    results += [{"role": "tool", "content": "1", "tool_name": "f99"}] * (answers // 2)
    body = ollama_chat(messages=[QUESTION, *asked, *results])
    events: list[str] = []
    sys.setprofile(lambda frame, event, argument: events.append(event))
    try:
        messages = body.to_jobs()[0].messages or []
    finally:
        sys.setprofile(None)
    assert messages[-1]["tool_call_id"] == f"call{answers // 2 * 100 - 1:05d}"
    return len(events)


def test_results_of_many_calls_are_found_quickly() -> None:
    """Also those that name a call which there is not: the work grows with the number of messages, not its square."""
    assert steps_of(80) < 2.5 * steps_of(40)


def test_earlier_thoughts_are_sent_on() -> None:
    thought = {"role": "assistant", "content": "Rayleigh.", "thinking": "Hm."}
    _, answer = chat_job(messages=[QUESTION, thought]).messages or []
    assert answer == {"role": "assistant", "content": "Rayleigh.", "reasoning_content": "Hm."}


def test_a_last_message_of_the_assistant_is_gone_on_with() -> None:
    begun = [QUESTION, {"role": "assistant", "content": "Because"}]
    assert chat_job(messages=begun).continues
    assert not chat_job(messages=[QUESTION, {"role": "assistant", "tool_calls": [CALL]}]).continues


def test_tools_may_be_called() -> None:
    tool = {"function": {"name": "see", "parameters": {"type": "object", "properties": None, "required": None}}}
    job = chat_job(tools=[tool])
    assert job.tools == [{"type": "function", "function": {"name": "see", "parameters": {"type": "object"}}}]
    assert job.tool_choice is ToolChoice.AUTO
    assert str(ollama_chat_refusal(tools=[TOOL, TOOL])) == "tools: expected unique names, got 'see' twice"


def test_pictures_come_before_their_texts() -> None:
    (message,) = chat_job(messages=[{**QUESTION, "images": ["aGk="]}]).messages or []
    picture, said = message["content"]
    assert (picture.field, picture.source, said) == ("messages.0.images.0", "aGk=", QUESTION["content"])
    assert chat_job(messages=[{**QUESTION, "images": []}]).messages == [QUESTION]


def test_pictures_are_refused_where_they_would_have_no_place() -> None:
    answer = {"role": "assistant", "content": "a", "images": ["aGk="]}
    expected = "messages.0.images: expected none in an assistant's message, got 1"
    assert str(ollama_chat_refusal(messages=[answer])) == expected
    for fields, where in (({"raw": True}, "raw is true"), ({"suffix": "b"}, "there is a suffix")):
        refused = ollama_text_refusal(images=["aGk="], **fields)
        assert str(refused) == f"images: expected none where {where}, got 1"


def test_log_probabilities() -> None:
    assert chat_job(logprobs=True).top_logprobs == 0
    assert text_job(logprobs=True, top_logprobs=3).top_logprobs == 3
    assert str(ollama_chat_refusal(top_logprobs=3)) == "top_logprobs: expected 0 unless logprobs is true, got 3"


def test_a_prompt_is_a_chat_of_one_message() -> None:
    job = text_job(system="Be brief.", context=[1, 2.0])
    assert job.messages == [{"role": "system", "content": "Be brief."}, QUESTION]
    assert (job.prompt, job.context_tokens, job.tells_prompt) == (None, [1, 2], True)


def test_a_raw_prompt_has_no_template() -> None:
    job = text_job(raw=True, think=False)
    assert (job.prompt, job.messages, job.tells_prompt) == (QUESTION["content"], None, False)
    assert (job.reasoning_effort, job.template_options) == (None, {})


@pytest.mark.parametrize("field", [{"system": "x"}, {"template": "x"}, {"context": [1]}])
def test_a_raw_prompt_is_all_there_is(field: dict[str, Any]) -> None:
    (name,) = field
    assert str(ollama_text_refusal(raw=True, **field)) == f"{name}: expected none where raw is true, got one"


@pytest.mark.parametrize("given", [[-1], ["a"], [True], "1", [1.5]])
def test_a_context_is_a_list_of_tokens(given: Any) -> None:
    expected = "context: expected the context of an earlier answer, a list of token ids"
    assert expected in str(ollama_text_refusal(context=given))


def test_a_template_is_noted() -> None:
    assert ollama_text(template="{{ .Prompt }}").notes == ["template: the model's own chat template is used"]


def test_without_a_prompt_the_model_is_only_loaded() -> None:
    assert ollama_text(prompt="").only_loads
    assert ollama_chat(messages=[]).only_loads
    assert not ollama_text().only_loads
    assert ollama_chat(messages=[], keep_alive=0).unloads


def test_a_suffix_is_filled_up_to() -> None:
    job = text_job(suffix="return result", system="Be brief.", think=False)
    assert (job.prompt, job.suffix, job.messages) == (QUESTION["content"], "return result", None)
    assert (job.parse_special, job.tells_prompt, job.reasoning_effort) == (False, True, None)
    assert ollama_text(suffix="x", system="y", context=[1]).notes == [
        "system: has no effect beside a suffix",
        "context: has no effect beside a suffix",
    ]


def test_a_raw_prompt_has_no_suffix() -> None:
    assert text_job(raw=True, suffix="x").suffix is None
    assert ollama_text(raw=True, suffix="x").notes == ["suffix: has no effect where raw is true"]
