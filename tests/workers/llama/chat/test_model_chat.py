from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.chat.builtin_templates import BUILTIN_TEMPLATES, guess_template
from workers.chat.model_chat import ModelChat
from workers.chat.program import ChatProgram, TemplateFailure, TemplateRefusal
from workers.chat.template_source import TemplateSource, find_template
from workers.llama.native.vocabulary import LlamaVocabulary

Message = dict[str, Any]
LIST_ALL = "{% for m in messages %}[{{ m.role }}: {{ m.content }}]{% endfor %}"
WEATHER: Message = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL: Message = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Zürich"}'}}],
}
RESULT: Message = {"role": "tool", "tool_call_id": "1", "content": "sunny"}


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def system(text: str) -> Message:
    return {"role": "system", "content": text}


def chat_of(source: str) -> ModelChat:
    return ModelChat(ChatProgram(source, "<bos>", "<eos>"))


def render(source: str, *messages: Message, tools: list[Message] | None = None, **options: Any) -> str:
    return chat_of(source).prompt(list(messages), tools or [], options).text


def test_a_template_gets_messages_special_tokens_options_and_add_generation_prompt() -> None:
    source = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ add_generation_prompt }}{{ enable_thinking }}"
    assert render(source, user("hi"), enable_thinking=False) == "<bos>hi<eos>TrueFalse"


def test_options_cannot_replace_the_servers_variables() -> None:
    assert render("{{ messages | length }}{{ bos_token }}", user("hi"), messages=[], bos_token="no") == "1<bos>"


def test_an_option_may_have_any_name() -> None:
    chat = chat_of("{{ other }}{{ messages[0].content }}")
    assert chat.prompt([user("hi")], [], {"self": 1, "other": 2}).pieces == ["2hi"]


@pytest.mark.parametrize("source", [LIST_ALL, "{{ tools }}{{ messages[0].tool_calls | tojson }}"])
def test_arguments_nested_too_deeply_are_an_error(source: str) -> None:
    function = {"name": "f", "arguments": "[" * 100_000}
    with pytest.raises(RecursionError):
        render(source, {**CALL, "tool_calls": [{"id": "1", "type": "function", "function": function}]})


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.__base__ }}",
        "{{ raise_exception.__globals__.json }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ strftime_now.__code__.co_consts }}",
        "{{ ''['__class__'].mro() }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ (''|attr('__class__')).mro() }}",
    ],
)
def test_a_template_cannot_leave_the_sandbox(source: str) -> None:
    with pytest.raises(TemplateFailure, match=r"SecurityError|UndefinedError"):
        render(source, user("hi"))


@pytest.mark.parametrize(
    "source",
    ["{{ messages.append(1) }}", "{{ messages.clear() }}", "{{ messages[0].update(role='x') }}", "{{ tools.pop() }}"],
)
def test_a_template_changes_only_copies(source: str) -> None:
    messages, tools = [user("hi")], [WEATHER]
    chat_of(source + "{{ tools }}{{ messages }}").prompt(messages, tools)
    assert (messages, tools) == ([user("hi")], [WEATHER])


def test_a_refusal_by_the_template_has_its_message() -> None:
    source = "{{ raise_exception('roles must alternate') }}"
    for messages in ([user("hi")], [system("be brief"), user("hi")]):
        with pytest.raises(TemplateRefusal, match=r"^roles must alternate$"):
            render(source, *messages)


def test_a_failing_template_says_how() -> None:
    with pytest.raises(TemplateFailure, match=r"^ZeroDivisionError"):
        render("{{ 1 // 0 }}", user("hi"))


def test_a_template_with_wrong_syntax_is_refused_when_it_is_read() -> None:
    with pytest.raises(ValueError, match="chat template: not valid Jinja"):
        ChatProgram("{% if %}", "", "")


def test_text_that_looks_like_a_template_stays_text() -> None:
    assert render(LIST_ALL, user("{{ 1 + 1 }}{% endfor %}")) == "[user: {{ 1 + 1 }}{% endfor %}]"


def test_a_system_message_that_the_template_refuses_goes_before_the_first_user_message() -> None:
    source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + LIST_ALL
    assert render(source, system("be brief"), user("hi"), user("more")) == "[user: be brief\n\nhi][user: more]"
    assert render(source, system("be brief")) == "[user: be brief]"


def test_a_developer_message_is_a_system_message() -> None:
    assert render(LIST_ALL, {"role": "developer", "content": "x"}) == "[system: x]"


def test_parts_of_a_message_are_joined_and_missing_content_is_empty() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages: list[Message] = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    assert render(LIST_ALL, *messages) == "[user: a\nb][assistant: ]"


def test_tools_are_described_in_the_system_message_for_a_template_without_tools() -> None:
    shown = render(LIST_ALL, system("be brief"), user("hi"), tools=[WEATHER])
    assert shown.startswith("[system: be brief\n\nYou can call these functions")
    assert json.dumps(WEATHER) in shown
    assert shown.endswith("[user: hi]")
    assert render(LIST_ALL, user("hi"), tools=[WEATHER]).startswith("[system: You can call these functions")


def test_tools_are_left_to_a_template_that_knows_them() -> None:
    source = "{{ tools | tojson if tools else 'none' }}" + LIST_ALL
    assert render(source, user("hi"), tools=[WEATHER]) == json.dumps([WEATHER]) + "[user: hi]"
    assert render(source, user("hi")) == "none[user: hi]"


def test_calls_and_their_results_become_text_for_a_template_without_tools() -> None:
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Zürich"}}\n</tool_call>'
    shown = render(LIST_ALL, user("hi"), CALL, RESULT)
    assert shown == f"[user: hi][assistant: {call}][user: <tool_response>\nsunny\n</tool_response>]"


def test_content_beside_a_call_is_kept() -> None:
    assert "[assistant: Wait.\n<tool_call>" in render(LIST_ALL, user("hi"), {**CALL, "content": "Wait."})


def test_the_messages_that_were_given_are_not_changed() -> None:
    messages = [{"role": "developer", "content": [{"type": "text", "text": "a"}]}, CALL, RESULT]
    before = json.dumps(messages)
    chat_of(LIST_ALL).prompt(messages, [WEATHER])
    assert json.dumps(messages) == before


@pytest.mark.parametrize("name", BUILTIN_TEMPLATES)
@settings(deadline=None, max_examples=20)
@given(
    turns=st.lists(st.text(max_size=10), min_size=1, max_size=4),
    instructions=st.none() | st.text("ab", min_size=1, max_size=5),
)
def test_a_builtin_template_holds_every_message_in_order(name: str, turns: list[str], instructions: str | None) -> None:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": f"({at}{text})"} for at, text in enumerate(turns)]
    if instructions is not None:
        messages.insert(0, system(f"(S{instructions})"))
    shown = render(BUILTIN_TEMPLATES[name], *messages)
    places = [shown.find(message["content"]) for message in messages]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chatml", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"),
        ("llama2", "<bos>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST]"),
        (
            "llama3",
            "<bos><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
            "U<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("gemma", "<bos><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\n"),
        ("zephyr", "<|system|>\nS<eos>\n<|user|>\nU<eos>\n<|assistant|>\n"),
        ("plain", "S\n\nUser: U\nAssistant:"),
    ],
)
def test_a_builtin_template_has_the_format_that_its_models_were_trained_on(name: str, expected: str) -> None:
    assert render(BUILTIN_TEMPLATES[name], system("S"), user("U")) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({"<|im_start|>"}, "chatml"),
        ({"<|start_header_id|>"}, "llama3"),
        ({"<start_of_turn>"}, "gemma"),
        (set[str](), "plain"),
    ],
)
def test_a_template_is_guessed_by_the_special_tokens(tokens: set[str], expected: str) -> None:
    assert guess_template(tokens.__contains__) == expected


def load(given: str, of_model: str | None, vocabulary: LlamaVocabulary) -> ModelChat:
    source = find_template(given, TemplateSource(of_model) if of_model else None, vocabulary.is_special)
    return ModelChat(ChatProgram(source.text, vocabulary.bos_text, vocabulary.eos_text))


def test_the_operators_template_overrides_the_models_own(vocabulary: LlamaVocabulary, tmp_path: Path) -> None:
    own = tmp_path / "own.jinja"
    own.write_text("own: {{ messages[0].content }}", "utf-8")
    given_ = load(str(own), LIST_ALL, vocabulary)
    assert given_.prompt([user("hi")], []).pieces == ["own: hi"]
    of_model = load("", LIST_ALL, vocabulary)
    assert of_model.prompt([user("hi")], []).pieces == ["[user: hi]"]
    named = load("plain", LIST_ALL, vocabulary)
    assert named.prompt([user("hi")], []).pieces == ["User: hi\nAssistant:"]
    guessed = load("", None, vocabulary)
    assert guessed.prompt([user("hi")], []).pieces == ["<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"]


def test_a_template_that_is_neither_a_name_nor_a_file_is_refused(vocabulary: LlamaVocabulary) -> None:
    with pytest.raises(ValueError, match=r"--chat-template: expected .* one of chatml, .*, got 'chatlm'"):
        load("chatlm", LIST_ALL, vocabulary)


def test_the_plain_template_ends_a_turn_with_a_stop_string(vocabulary: LlamaVocabulary) -> None:
    assert find_template("plain", None, vocabulary.is_special).stop == ("\nUser:",)


def test_a_user_may_speak_behind_a_result_where_roles_must_alternate() -> None:
    strict = """{% set state = namespace(user=false) %}{% for m in messages %}
{%- if m.role == 'user' %}{% if state.user %}{{ raise_exception('roles must alternate') }}{% endif %}
{%- set state.user = true %}{% elif m.role == 'assistant' and not m.tool_calls %}{% set state.user = false %}{% endif %}
{%- if m.tool_calls %}{% for c in m.tool_calls %}{% set f = c.function %}
{{- '<c>' }}{{ {'name': f.name, 'arguments': f.arguments} | tojson }}</c>{% endfor %}
{%- else %}[{{ m.role }}: {{ m.content }}]{% endif %}{% endfor %}"""
    shown = render(strict, user("hi"), CALL, RESULT, user("and now?"))
    assert shown.endswith("sunny][assistant: OK.][user: and now?]")
    with pytest.raises(TemplateRefusal):
        render(strict, user("hi"), user("and now?"), {"role": "weird", "content": "x"}, user("x"))
