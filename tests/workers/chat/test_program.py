from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from workers.chat.program import ChatProgram, TemplateFailure, TemplateRefusal

TOOL = {"type": "function", "function": {"name": "f", "description": "<b> ü", "parameters": {}}}


def render(source: str, **options: Any) -> str:
    now = datetime(2026, 11, 26, 3, 4, 5)
    tools = options.pop("tools", None)
    messages = [{"role": "user", "content": "hi"}]
    return ChatProgram(source, "<s>", "</s>", lambda: now).render(messages, tools, True, options)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% generation %}{{ messages[0].content }}{% endgeneration %}", "hi"),
        ("{% set x = [] %}{% set _ = x.append(1) %}{{ x }}", "[1]"),
        ("{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}", '{"a": 2, "b": 1}'),
        ("{{ {'a': 1} | tojson(separators=(',', ':')) }}", '{"a":1}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ [{'a': 1}] | map(attribute='a') | tojson }}", "[1]"),
        ("{{ {'a': [2] | select} | tojson(indent=2, separators=(',', ':')) }}", '{\n  "a":[\n    2\n  ]\n}'),
        ("{{ {'a': nothing} | tojson }}", '{"a": null}'),
        ("{{ '<ü>' | tojson }}", '"<ü>"'),
        ("{{ 'ü' | tojson(ensure_ascii=true) }}", '"\\u00fc"'),
        ("{{ '<b>' | safe ~ '<i>' }}", "<b><i>"),
        ("{{ ('{\"a\": 1}' | from_json).a }}", "1"),
        ("{{ ('{\"a\": 1}' | fromjson).a }}", "1"),
        ("{{ tools is none }} {{ documents is none }} {{ functions is none }}", "True True True"),
        ("{{ strftime_now('%Y-%m-%d') }}", "2026-11-26"),
        ("{{ date_string }}", "26 Nov 2026"),
        ("{{ datetime }}", "Nov 26 2026 03:04 GMT"),
        ("{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }}", "<s></s>True"),
        ("{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "02"),
    ],
)
def test_templates_run_as_their_authors_meant(source: str, expected: str) -> None:
    assert render(source) == expected


def test_options_are_variables() -> None:
    assert render("{{ enable_thinking }}", enable_thinking=False) == "False"


def test_a_template_cannot_change_the_messages_of_others() -> None:
    source = "{% set _ = messages.append(1) %}{% set _ = tools.append(2) %}{{ messages | length }}"
    program = ChatProgram(source, "", "")
    messages, tools = [{"role": "user", "content": "hi"}], [TOOL]
    assert [program.render(messages, tools) for _ in range(2)] == ["2", "2"]
    assert (len(messages), len(tools)) == (1, 1)


def test_tools_are_there_as_a_list_and_as_text() -> None:
    assert render("{{ tools[0].function.name }} {{ functions }}", tools=[TOOL]).startswith('f [{"name": "f"')


def test_a_template_that_always_lists_tools_gets_an_empty_list() -> None:
    assert render("{% for tool in tools %}{{ tool }}{% endfor %}none") == "none"


def test_a_template_that_always_lists_documents_gets_an_empty_list() -> None:
    assert render("{% for document in documents %}{{ document }}{% endfor %}none") == "none"
    assert render("{% for document in documents %}{{ document }}{% endfor %}", documents=["a"]) == "a"


def test_a_refusal_has_the_words_of_the_template() -> None:
    with pytest.raises(TemplateRefusal, match=r"^users first$"):
        render("{{ raise_exception('users first') }}")


@pytest.mark.parametrize("source", ["{{ 1 / 0 }}", "{{ x.y.z }}", "{{ ''.__class__.__mro__ }}", "{{ [1] | nothing }}"])
def test_a_template_that_goes_wrong_says_how(source: str) -> None:
    with pytest.raises((TemplateFailure, ValueError)):
        render(source)


def test_wrong_syntax_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"^chat template: not valid Jinja: .*; --chat-template sets another one$"):
        ChatProgram("{% for %}", "", "")
