from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.wire.call_ids import short_id
from tests.support.workers import chat_templates
from tests.support.workers.chat_templates import program
from workers.chat.fitting import fit_messages, with_descriptions
from workers.chat.learning.learn import HERMES
from workers.chat.learning.needs import Beside, Needs, learn_needs
from workers.chat.model_chat import ModelChat, render_tools


def called(identifier: str | None = "call_1", arguments: Any = '{"city": "Rome"}', name: str = "f") -> dict[str, Any]:
    call: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    return call if identifier is None else {"id": identifier, **call}


def assistant(*calls: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(identifier: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identifier, "content": content}


USER = {"role": "user", "content": "hello"}


def fit(messages: list[dict[str, Any]], reasoning_key: str = "", **needs: Any) -> list[dict[str, Any]]:
    return fit_messages(messages, replace(Needs(), **needs), HERMES, reasoning_key)


def test_arguments_are_objects_or_text_as_needed() -> None:
    for arguments in ('{"city": "Rome"}', {"city": "Rome"}):
        messages = [USER, assistant(called(arguments=arguments))]
        fitted = [fit(messages, arguments=shape)[1]["tool_calls"][0] for shape in ("object", "text")]
        as_object, as_text = (call["function"]["arguments"] for call in fitted)
        assert as_object == {"city": "Rome"}
        assert json.loads(as_text) == {"city": "Rome"}


@pytest.mark.parametrize("arguments", ["", "  ", None])
def test_blank_arguments_are_none(arguments: Any) -> None:
    fitted = fit([USER, assistant(called(arguments=arguments))])
    assert fitted[1]["tool_calls"][0]["function"]["arguments"] == {}


def test_missing_ids_and_names_are_filled() -> None:
    fitted = fit([USER, assistant(called(None)), {"role": "tool", "content": "warm"}])
    identifier = fitted[1]["tool_calls"][0]["id"]
    assert identifier
    assert (fitted[2]["tool_call_id"], fitted[2]["name"]) == (identifier, "f")


def test_results_get_the_names_of_their_calls_in_any_order() -> None:
    calls = assistant(called("a", name="f"), called("b", name="g"))
    fitted = fit([USER, calls, result("b", "2"), result("a", "1")])
    assert [message["name"] for message in fitted[2:]] == ["g", "f"]


def test_long_ids_become_nine_letters_and_digits_where_needed() -> None:
    fitted = fit([USER, assistant(called("call_0123456789")), result("call_0123456789", "x")], short_ids=True)
    identifier = fitted[1]["tool_calls"][0]["id"]
    assert len(identifier) == 9
    assert identifier.isalnum()
    assert fitted[2]["tool_call_id"] == identifier
    assert short_id("abc123XYZ") == "abc123XYZ"


def test_all_leading_system_messages_are_one_in_their_order() -> None:
    fitted = fit([{"role": "system", "content": "A"}, {"role": "developer", "content": "B"}, USER])
    assert fitted == [{"role": "system", "content": "A\n\nB"}, USER]


def test_a_later_system_message_is_user_text_where_it_is_refused() -> None:
    messages = [USER, {"role": "assistant", "content": "hi"}, {"role": "system", "content": "short!"}]
    assert fit(messages)[2]["role"] == "system"
    assert fit(messages, late_system=False)[2] == {"role": "user", "content": "short!"}


def test_a_system_message_goes_before_the_first_user_message_where_it_is_refused() -> None:
    fitted = fit([{"role": "system", "content": "rules"}, USER], system=False)
    assert fitted == [{"role": "user", "content": "rules\n\nhello"}]


def test_equal_roles_are_joined_where_they_must_alternate() -> None:
    fitted = fit([USER, {"role": "user", "content": "again"}], merges=True)
    assert fitted == [{"role": "user", "content": "hello\n\nagain"}]


def test_several_results_are_joined_where_only_one_is_taken() -> None:
    fitted = fit([USER, assistant(called("a"), called("b")), result("a", "1"), result("b", "2")], many_results=False)
    assert [message["content"] for message in fitted[2:]] == ["1\n\n2"]


def test_calls_are_made_one_at_a_time_where_two_are_refused() -> None:
    chat = ModelChat(program(chat_templates.UNMARKED))
    calls = assistant(called("a", name="f"), called("b", name="g"))
    prompt = chat.prompt([USER, calls, result("a", "one"), result("b", "two")], []).text
    places = [prompt.index(text) for text in ('"f"', "one", '"g"', "two")]
    assert places == sorted(places)


def test_calls_are_words_where_they_would_be_lost() -> None:
    fitted = fit([USER, assistant(called(), content="I look."), result("call_1", "warm")], calls=False, results=False)
    assert fitted[1]["content"].startswith("I look.\n<tool_call>")
    assert fitted[2] == {"role": "user", "content": "<tool_response>\nwarm\n</tool_response>"}


def test_no_words_beside_calls_are_what_the_template_takes() -> None:
    for blank in ("", None):
        assert fit([USER, assistant(called())], blank=blank)[1]["content"] == blank


def test_contents_are_parts_where_needed() -> None:
    assert fit([USER], parts=True)[0]["content"] == [{"type": "text", "text": "hello"}]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_a_thought_goes_where_the_template_takes_it(key: str) -> None:
    said = {"role": "assistant", "content": "hi", key: "hm"}
    assert fit([USER, said], reasoning_key="thinking")[1] == {"role": "assistant", "content": "hi", "thinking": "hm"}
    assert fit([USER, said], reasoning_key="parts")[1]["content"][0] == {"type": "thinking", "thinking": "hm"}
    assert fit([USER, said])[1] == {"role": "assistant", "content": "hi"}


def test_the_given_messages_are_not_changed() -> None:
    messages = [USER, assistant(called(), content="x"), result("call_1", "warm")]
    before = json.dumps(messages)
    fit(messages, calls=False, results=False, short_ids=True, merges=True)
    assert json.dumps(messages) == before


def test_descriptions_are_filled() -> None:
    tool = with_descriptions({"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {}}}}})
    assert tool["function"]["description"] == ""
    assert tool["function"]["parameters"]["properties"]["a"] == {"type": "string", "description": ""}


def test_descriptions_that_are_null_are_filled_too() -> None:
    parameters = {"properties": {"a": {"description": None}, "b": True}, "required": None}
    tool = with_descriptions(
        {"type": "function", "function": {"name": "f", "description": None, "parameters": parameters}}
    )
    blank = {"type": "string", "description": ""}
    assert tool["function"] == {
        "name": "f",
        "description": "",
        "parameters": {"type": "object", "properties": {"a": blank, "b": blank}},
    }


NAMES_TYPES = (
    "{% macro name_of(s) %}{% if s.type == 'string' %}str{% elif s.type == 'array' %}list of {{ name_of(s['items']) }}"
    "{% elif s.type == 'object' %}dict of {{ name_of(s.additionalProperties.type and s.additionalProperties) }}"
    "{% else %}{% for t in s.type %}{{ name_of({'type': t}) }}{% endfor %}{% endif %}{% endmacro %}"
    "{% for t in tools %}{% for name, s in t.function.parameters.properties.items() %}{{ name }}: {{ name_of(s) }}; "
    "{% endfor %}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}"
)
"""Types in words of its own. It fails on null, and on what objects and lists have if nothing tells."""


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": ["string", "null"]}, "str"),
        ({"type": "null"}, "str"),
        ({"type": "array", "items": {"type": "null"}}, "list of str"),
        ({"type": "object", "properties": {"b": True}}, "dict of str"),
        ({"type": "array", "items": {"type": "object", "additionalProperties": False}}, "list of dict of str"),
    ],
)
def test_a_template_that_fails_on_a_type_gets_a_plainer_one(schema: dict[str, Any], named: str) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": schema}}}}]
    before = json.dumps(tools)
    assert render_tools(program(NAMES_TYPES), [USER], tools, True) == f"a: {named}; {USER['content']}"
    assert json.dumps(tools) == before


def test_what_a_template_refuses_is_learnt() -> None:
    needs = learn_needs(program(chat_templates.STRICT).render, "object", calls_are_rendered=False)
    assert (needs.system, needs.merges, needs.calls, needs.results) == (False, True, False, False)


def test_a_template_that_takes_all_needs_nothing() -> None:
    assert learn_needs(program(chat_templates.JSON_CALLS).render, "object", calls_are_rendered=True) == Needs()


def test_a_template_that_reads_parts_alone_is_noticed() -> None:
    parts = "{% for p in m.content %}{{ p.text }}{% endfor %}"
    source = f"{{% for m in messages %}}{{% if m.content is not string %}}{parts}{{% endif %}}{{% endfor %}}"
    assert learn_needs(program(source).render, "object", calls_are_rendered=False).parts


def test_short_ids_are_noticed() -> None:
    refused = "{% if c.id | length != 9 %}{{ raise_exception('id') }}{% endif %}"
    check = f"{{% for c in m.tool_calls or [] %}}{refused}{{% endfor %}}"
    source = chat_templates.JSON_CALLS.replace("{{ m.content }}", "{{ m.content }}" + check, 1)
    assert learn_needs(program(source).render, "object", calls_are_rendered=True).short_ids


SOURCES = [
    chat_templates.STRICT,
    chat_templates.PLAIN,
    chat_templates.NAMING_IDS,
    chat_templates.CALLS_OR_WORDS,
    chat_templates.FIRST_CALL,
    chat_templates.CALLS_FOR_TOOLS,
    chat_templates.SYSTEM_FOR_USER,
    chat_templates.TOOLS_BY_SYSTEM,
    chat_templates.INDENTED,
    *chat_templates.CALL_TEMPLATES.values(),
]


@pytest.mark.parametrize("source", SOURCES)
def test_no_message_is_lost(source: str) -> None:
    chat = ModelChat(program(source))
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "sys-a"},
        {"role": "system", "content": "sys-b"},
        {"role": "user", "content": [{"type": "text", "text": "user-a"}]},
        {"role": "user", "content": "user-b"},
        assistant(called("a", '{"q": "arg-a"}'), called("b", '{"q": "arg-b"}')),
        result("a", "result-a"),
        result("b", "result-b"),
        {"role": "assistant", "content": "said"},
        {"role": "user", "content": "user-c"},
    ]
    prompt = chat.prompt(messages, []).text
    texts = ["sys-a", "sys-b", "user-a", "user-b", "arg-a", "arg-b", "result-a", "result-b", "said", "user-c"]
    assert [text for text in texts if text not in prompt] == []


def needs_of(source: str) -> Needs:
    return ModelChat(program(source)).needs


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def test_ids_tell_the_name_where_the_template_shows_only_ids() -> None:
    calls = assistant(called("a", name="f"), called("b", name="g"))
    prompt = ModelChat(program(chat_templates.NAMING_IDS)).prompt([USER, calls, result("b", "warm")], [TOOL]).text
    assert "functions.f:0<|args|>" in prompt
    assert "functions.g:1<|args|>" in prompt
    assert "functions.g:1: warm" in prompt


def test_words_come_before_calls_that_they_would_lose() -> None:
    chat = ModelChat(program(chat_templates.CALLS_OR_WORDS))
    assert chat.needs.beside is Beside.APART
    prompt = chat.prompt([USER, assistant(called(), content="I look."), result("call_1", "warm")], [TOOL]).text
    places = [prompt.index(text) for text in ("I look.", "Rome", "warm")]
    assert places == sorted(places)


def test_words_that_cannot_stand_before_calls_are_left_out() -> None:
    fitted = fit([USER, assistant(called(), content="I look.")], beside=Beside.LOST)
    assert [message["content"] for message in fitted] == ["hello", ""]


def test_calls_are_made_one_at_a_time_where_all_but_the_first_would_be_lost() -> None:
    assert not needs_of(chat_templates.FIRST_CALL).parallel
    calls = assistant(called("a", name="f"), called("b", name="g"))
    assert [len(message.get("tool_calls", [])) for message in fit([USER, calls], parallel=False)] == [0, 1, 1]


def test_calls_are_words_in_a_prompt_without_tools_where_they_would_be_lost() -> None:
    needs = needs_of(chat_templates.CALLS_FOR_TOOLS)
    assert needs.calls_for_tools
    messages = [USER, assistant(called()), result("call_1", "warm")]
    for tools in (False, True):
        fitted = fit_messages(messages, needs, HERMES, "", tools=tools)
        assert ("tool_calls" in fitted[1], fitted[2]["role"]) == (tools, "tool" if tools else "user")


def test_a_system_message_is_not_lost_if_the_user_has_not_the_last_word() -> None:
    needs = needs_of(chat_templates.SYSTEM_FOR_USER)
    assert (needs.system, needs.system_for_user) == (True, True)
    system, said = {"role": "system", "content": "rules"}, {"role": "assistant", "content": "hi"}
    assert fit_messages([system, USER], needs, HERMES, "") == [system, USER]
    fitted = fit_messages([system, USER, said], needs, HERMES, "")
    assert fitted == [{"role": "user", "content": "rules\n\nhello"}, said]


def test_a_template_that_lists_tools_behind_a_system_message_gets_one() -> None:
    needs = needs_of(chat_templates.TOOLS_BY_SYSTEM)
    assert needs.system_for_tools
    assert fit_messages([USER], needs, HERMES, "") == [{"role": "system", "content": ""}, USER]
    assert fit_messages([USER], needs, HERMES, "", tools=False) == [USER]


def test_ids_of_odd_characters_become_letters_and_digits() -> None:
    assert short_id("\ud800").isalnum()


def test_no_thought_is_lost_where_words_beside_calls_are_or_messages_are_joined() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = [{"role": "assistant", "content": "w", "reasoning_content": thought} for thought in ("one", "two")]
    (calling,) = fit_messages([{**said[0], "tool_calls": [call]}], Needs(beside=Beside.LOST), None, "thinking")
    (joined,) = fit_messages(said, Needs(merges=True), None, "thinking")
    assert (calling["thinking"], joined["thinking"]) == ("one", "one\n\ntwo")
