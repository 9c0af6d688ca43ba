from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.workers import chat_templates
from tests.support.workers.chat_templates import CALL_TEMPLATES, program
from workers.chat.formats.chat_format import CallFormat, CallKind, Pair
from workers.chat.learning.learn import HERMES, Learnt, Origin, learn


def learnt(source: str, ends: tuple[str, ...] = ()) -> Learnt:
    return learn(program(source).render, source, ends)


def calls_of(source: str) -> CallFormat:
    found = learnt(source)
    assert found.origin is Origin.LEARNT
    assert found.chat_format.calls is not None
    return found.chat_format.calls


KINDS = {
    "json": CallKind.JSON,
    "json array": CallKind.JSON,
    "name is key": CallKind.JSON,
    "json inside": CallKind.JSON,
    "named json": CallKind.NAMED_JSON,
    "tagged": CallKind.TAGGED,
    "key and value": CallKind.TAGGED,
    "typed": CallKind.TAGGED,
    "cdata": CallKind.TAGGED,
    "dict": CallKind.DICT,
    "python": CallKind.PYTHON,
    "unmarked": CallKind.JSON,
    "text arguments": CallKind.JSON,
}


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_the_kind_of_calls_is_learnt(name: str) -> None:
    assert calls_of(CALL_TEMPLATES[name]).kind is KINDS[name]


def test_markers_around_a_call_are_learnt() -> None:
    calls = calls_of(chat_templates.JSON_CALLS)
    assert (calls.section, calls.call) == (Pair(), Pair("<call>", "</call>"))


def test_markers_around_all_calls_are_told_from_those_around_each() -> None:
    calls = calls_of(chat_templates.NAMED_JSON)
    assert calls.section == Pair("<|calls|>", "<|/calls|>")
    assert calls.call == Pair("<|call|>functions.", "<|/call|>")


def test_an_index_behind_the_name_is_a_hole() -> None:
    assert calls_of(chat_templates.NAMED_JSON).after_name == ":{id}<|args|>"


def test_the_keys_of_a_json_call_are_learnt() -> None:
    keys = calls_of(chat_templates.JSON_ARRAY).keys
    assert (keys.name, keys.arguments, keys.id, keys.array) == ("name", "args", "id", True)


def test_an_object_within_a_call_is_learnt_with_its_other_keys() -> None:
    keys = calls_of(chat_templates.JSON_INSIDE).keys
    assert (keys.inside, keys.arguments, keys.more) == ("function", "parameters", {"type": "function"})


def test_a_function_name_as_key_is_learnt() -> None:
    assert calls_of(chat_templates.NAME_IS_KEY).keys.name_is_key


def test_the_tags_of_arguments_are_learnt() -> None:
    parameter = calls_of(chat_templates.TAGGED).parameter
    assert parameter is not None
    assert (parameter.before, parameter.middle, parameter.after) == ("<parameter=", ">\n", "\n</parameter>\n")


def test_a_word_that_names_the_type_of_a_value_is_a_hole() -> None:
    parameter = calls_of(chat_templates.TYPED).parameter
    assert parameter is not None
    assert parameter.middle == '" text="{type}">'
    assert (parameter.types["string"], parameter.types["integer"], parameter.types["object"]) == ("yes", "no", "no")


def test_cdata_is_learnt() -> None:
    parameter = calls_of(chat_templates.CDATA).parameter
    assert parameter is not None
    assert parameter.cdata


def test_the_quote_of_strings_is_learnt() -> None:
    assert calls_of(chat_templates.DICT).quote == "<|q|>"


def test_brackets_are_no_part_of_the_markers_of_python_calls() -> None:
    calls = calls_of(chat_templates.PYTHON)
    assert (calls.section, calls.keys.array) == (Pair("<|run|>", "<|/run|>"), True)


def test_a_template_that_refuses_two_calls_has_no_parallel_calls() -> None:
    assert not calls_of(chat_templates.UNMARKED).parallel
    assert calls_of(chat_templates.JSON_CALLS).parallel


def test_arguments_as_text_are_learnt() -> None:
    assert learnt(chat_templates.TEXT_ARGUMENTS).arguments == "text"
    assert learnt(chat_templates.JSON_CALLS).arguments == "object"


@pytest.mark.parametrize("name", ["THINKS", "THINKS_IN_PROMPT", "THINKS_IF_ASKED"])
def test_the_markers_of_a_thought_are_learnt_wherever_the_prompt_ends(name: str) -> None:
    found = learnt(getattr(chat_templates, name))
    assert found.chat_format.thought == Pair("<think>\n", "\n</think>\n\n")
    assert found.reasoning_key == "reasoning_content"


def test_a_thought_as_a_part_of_the_content_is_learnt() -> None:
    found = learnt(chat_templates.THINKS_IN_PARTS)
    assert (found.chat_format.thought, found.reasoning_key) == (Pair("[THINK]", "[/THINK]"), "parts")


def test_a_thought_that_the_template_cuts_off_is_learnt() -> None:
    found = learnt(chat_templates.FORGETS_THOUGHTS)
    assert (found.chat_format.thought, found.reasoning_key) == (Pair("<think>", "</think>"), "")


def test_a_model_that_does_not_think_has_no_thought() -> None:
    assert learnt(chat_templates.PLAIN).chat_format.thought is None


def test_markers_around_words_are_learnt() -> None:
    chat_format = learnt(chat_templates.WRAPS_WORDS).chat_format
    assert chat_format.words == Pair("<|say|>", "<|/say|>")
    assert chat_format.calls is not None
    assert chat_format.calls.section == Pair("<|act|>", "<|/act|>")


def test_the_end_of_a_turn_is_learnt() -> None:
    assert learnt(chat_templates.JSON_CALLS).chat_format.turn_end == "<|stop|>"


def test_a_template_without_calls_gets_a_format_of_our_own() -> None:
    found = learnt(chat_templates.PLAIN)
    assert (found.origin, found.chat_format.calls, found.arguments) == (Origin.OWN_PROMPT, HERMES, None)


def test_a_shape_that_does_not_survive_other_values_is_not_learnt() -> None:
    source = chat_templates.JSON_CALLS.replace(
        "f.arguments}", "{'kprobe': f.arguments.kprobe, 'nprobe': f.arguments.nprobe}}"
    )
    assert learnt(source).origin is Origin.OWN_PROMPT


def test_tools_in_the_prompt_are_noticed() -> None:
    assert learnt(chat_templates.JSON_CALLS).lists_tools
    assert not learnt("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}").lists_tools


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("{# <|channel|>analysis commentary<|message|> #}" + chat_templates.PLAIN, None),
        ("{# <|tool_list_start|> #}" + chat_templates.PLAIN, CallKind.PYTHON),
        ("{# ]<]minimax[>[ #}" + chat_templates.PLAIN, CallKind.TAGGED),
    ],
)
def test_a_format_that_templates_do_not_show_is_known_by_its_markers(source: str, kind: CallKind | None) -> None:
    found = learnt(source)
    calls = found.chat_format.calls
    assert found.origin is Origin.DESCRIBED
    assert (calls and calls.kind) == kind


def test_a_template_that_fails_on_everything_gets_a_format_of_our_own() -> None:
    found = learnt("{{ messages.nothing.at_all }}")
    assert (found.origin, found.chat_format.calls) == (Origin.OWN_PROMPT, HERMES)


def test_a_name_that_only_the_id_tells_is_learnt() -> None:
    calls = calls_of(chat_templates.NAMING_IDS)
    assert (calls.kind, calls.call.begin, calls.after_name) == (
        CallKind.NAMED_JSON,
        "<|call|>functions.",
        ":{id}<|args|>",
    )


def test_what_encloses_words_beside_calls_is_no_marker_of_calls() -> None:
    calls = calls_of(chat_templates.WRAPPED_BY_CALLS)
    assert (calls.kind, calls.unmarked, calls.keys.arguments) == (CallKind.JSON, True, "parameters")


def test_white_space_before_an_answer_makes_no_marker_of_words() -> None:
    assert not learnt(chat_templates.INDENTED).chat_format.words


def test_a_plan_beside_calls_is_a_thought() -> None:
    found = learnt(chat_templates.PLANS)
    assert (found.chat_format.thought, found.reasoning_key) == (Pair("<|plan|>", "<|/plan|>"), "tool_plan")
    assert found.chat_format.calls is not None
    assert found.chat_format.calls.call == Pair("<call>", "</call>")


def test_tags_in_brackets_end_turns() -> None:
    assert learnt(chat_templates.BRACKETS_END_TURNS).chat_format.turn_end == "[|stop|]"


def test_an_end_token_without_the_shape_of_a_tag_ends_turns() -> None:
    source = chat_templates.PLAIN.replace("<|stop|>", "[e~[\n")
    assert learnt(source, ends=("[e~[",)).chat_format.turn_end == "[e~["


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("Write <tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>", CallKind.TAGGED),
        ("Write <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>", CallKind.TAGGED),
        ("Write <|tool_call|> and a list", CallKind.JSON),
        ("Write <start_function_call>call:NAME{KEY:<escape>VALUE<escape>}<end_function_call>", CallKind.DICT),
        ("Write [func_name1(params_name1=params_value1, params_name2=params_value2)]", CallKind.PYTHON),
    ],
)
def test_calls_that_are_not_rendered_are_known_by_what_the_prompt_asks_for(asked: str, expected: CallKind) -> None:
    found = learnt(chat_templates.PLAIN.replace("Functions:", asked))
    assert found.origin is Origin.DESCRIBED
    assert found.chat_format.calls is not None
    assert found.chat_format.calls.kind is expected


def test_a_call_that_a_template_renders_wrongly_is_known_by_its_tags() -> None:
    found = learnt(chat_templates.FORGETS_A_QUOTE)
    assert found.origin is Origin.DESCRIBED
    assert found.chat_format.calls == replace(HERMES, exact=False)
