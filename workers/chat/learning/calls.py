"""Learns from a chat template how the model writes calls."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from workers.chat.formats.chat_format import CallFormat, CallKind, ChatFormat, JsonKeys, Pair, ParameterFormat
from workers.chat.learning.cutting import Cutter
from workers.chat.learning.probing import (
    ARGUMENTS,
    FRESH_ARGUMENTS,
    FRESH_FUNCTION,
    FRESH_PARAMETERS,
    FRESH_TOOL,
    FUNCTION,
    ID,
    NUMBER,
    NUMBER_KEY,
    OTHER,
    OTHER_ID,
    TEXT,
    TEXT_KEY,
    TemplateProbe,
    json_values,
)
from workers.chat.learning.rendered_calls import RenderedCalls, renderings
from workers.chat.learning.thoughts import Turn
from workers.chat.parsing.answer import AnswerParser
from workers.chat.parsing.parts import Arguments, CallBegin

TYPED: dict[str, Any] = {"boolean": True, "null": None, "array": [NUMBER], "object": {"x": NUMBER}}
_NUMBER = str(NUMBER)
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class LearntCalls:
    """A call format, and how the template wants messages with calls.

    ``turn_end`` is what ends answers of words and of calls alike. ``arguments`` is ``object`` or ``text``; ``sound``
    says that calls with other names and values are read as they were written.
    """

    calls: CallFormat
    turn_end: str
    arguments: str
    sound: bool


def learn_calls(
    probe: TemplateProbe, cut: Cutter, turn: Turn, thought: Pair | None, words: Pair, ends: tuple[str, ...]
) -> LearntCalls | None:
    """How the model writes calls; None if the template renders none, or in a shape that is not known."""
    unsound = None
    for rendered, one in renderings(probe, cut, turn, thought, words, ends):
        if rendered.words_apart:
            continue
        two = rendered.calls((FUNCTION, ARGUMENTS, ID), (OTHER, ARGUMENTS, OTHER_ID))
        two = two if two is not None and OTHER in two else None
        end = cut.common_end(turn.end, one) or turn.end
        rendered = replace(rendered, turn=replace(turn, end=end))
        for learner in (_learn_json, _learn_named_json, _learn_arguments):
            calls = learner(rendered, one, two)
            if calls is not None:
                calls = replace(calls, parallel=two is not None)
                sound = _survives(rendered, calls, thought, words, end)
                learnt = LearntCalls(calls, end, rendered.shape, sound)
                if sound:
                    return learnt
                unsound = unsound or learnt
    return unsound


def _survives(rendered: RenderedCalls, calls: CallFormat, thought: Pair | None, words: Pair, end: str) -> bool:
    """Whether calls with other names and values are read as they were written."""
    fresh = (FRESH_FUNCTION, FRESH_ARGUMENTS, OTHER_ID)
    text = rendered.calls(fresh, tools=[FRESH_TOOL]) or rendered.calls(fresh)
    if text is None:
        return False
    parser = AnswerParser(ChatFormat(thought, words, calls, turn_end=end), {FRESH_FUNCTION: FRESH_PARAMETERS})
    parts = [*parser.feed(text), *parser.finish()]
    names = [part.name for part in parts if isinstance(part, CallBegin)]
    if calls.kind is CallKind.PYTHON:  # templates put texts between quotes as they are, which models know better than
        return names == [FRESH_FUNCTION]
    written = "".join(part.text for part in parts if isinstance(part, Arguments))
    try:
        return names == [FRESH_FUNCTION] and json.loads(written) == FRESH_ARGUMENTS
    except ValueError:
        return False


def _with_markers(
    rendered: RenderedCalls, calls: CallFormat, before: str, between: str | None, after: str
) -> CallFormat:
    """The format with its markers, from what stands before the first call, between two and behind the last."""
    after = rendered.before_turn_end(after)
    if between is None:
        return replace(calls, call=Pair(before.lstrip(), after.rstrip()))
    begin = rendered.cut.common_end(before, between)
    begin = begin.lstrip() or begin
    rest = between[: len(between) - len(begin)]
    end = rendered.cut.common_begin(after, rest)
    if not begin.strip() and rest.strip() == end.strip():  # one marker around all
        begin = ""
    section = Pair(before[: len(before) - len(begin)].strip(), after[len(end) :].strip())
    return replace(calls, section=section, call=Pair(begin.lstrip(), end.rstrip()), separator=rest[len(end) :])


def _learn_json(rendered: RenderedCalls, one: str, two: str | None) -> CallFormat | None:
    """A call that is a JSON object with its name in it."""
    hits = [hit for hit in json_values(one) if FUNCTION in json.dumps(hit[2]) and TEXT in json.dumps(hit[2])]
    if not hits:
        return None
    start, end, value = hits[0]
    item = value[0] if isinstance(value, list) else value
    keys = _keys_of(item, isinstance(value, list))
    if keys is None:
        return None
    calls = CallFormat(CallKind.JSON, keys=keys)
    if keys.array:
        section = Pair(one[:start].strip(), rendered.before_turn_end(one[end:]).strip())
        return replace(calls, section=section, separator=", ")
    if two is None:
        return _with_markers(rendered, calls, one[:start], None, one[end:])
    pair = [hit for hit in json_values(two) if TEXT in json.dumps(hit[2])]
    if len(pair) != 2:
        return None
    return _with_markers(rendered, calls, one[:start], two[pair[0][1] : pair[1][0]], one[end:])


def _keys_of(item: Any, array: bool) -> JsonKeys | None:
    if not isinstance(item, dict):
        return None
    if set(item) == {FUNCTION}:
        return JsonKeys(name_is_key=True, array=array)
    inside = next((key for key, value in item.items() if isinstance(value, dict) and FUNCTION in value.values()), "")
    inner = item[inside] if inside else item
    name = arguments = identifier = ""
    text, more = False, dict[str, object]()
    for key, value in [*item.items(), *(inner.items() if inside else ())]:
        if key == inside:
            continue
        if value == FUNCTION:
            name = key
        elif value == ARGUMENTS:
            arguments = key
        elif isinstance(value, str) and TEXT in value:
            arguments, text = key, True
        elif value == ID:
            identifier = key
        else:
            more[key] = value
    if not name or not arguments:
        return None
    return JsonKeys(name, arguments, identifier, inside, array=array, text=text, more=more)


def _with_hole(text: str, identifier: str, other: str | None = None) -> str:
    """The text with ``{id}`` in place of the call's id, or of an index, which another call's text does not share."""
    if identifier in text:
        return text.replace(identifier, "{id}")
    own = _DIGITS.search(text)
    if own is not None and other is not None:
        others = _DIGITS.search(other)
        if others is not None and own.group() != others.group():
            return f"{text[: own.start()]}{{id}}{text[own.end() :]}"
    return text


def _learn_named_json(rendered: RenderedCalls, one: str, two: str | None) -> CallFormat | None:
    """A name, then a JSON object of the arguments."""
    hits = [hit for hit in json_values(one) if hit[2] == ARGUMENTS and hit[0] > one.index(FUNCTION)]
    if not hits:
        return None
    start, end, _ = hits[0]
    name_at = one.rindex(FUNCTION, 0, start)
    before, after_name = one[:name_at], one[name_at + len(FUNCTION) : start]
    if before.endswith('"') != after_name.startswith('"'):  # the template forgot a quote, which the model will not
        return None
    between = other_after_name = None
    if two is not None:
        pair = [hit for hit in json_values(two) if hit[2] == ARGUMENTS]
        if len(pair) != 2 or (other_at := two.rfind(OTHER, 0, pair[1][0])) < 0:
            return None
        between = _with_hole(two[pair[0][1] : other_at], OTHER_ID)
        other_after_name = two[other_at + len(OTHER) : pair[1][0]]
    calls = CallFormat(CallKind.NAMED_JSON, after_name=_with_hole(after_name, ID, other_after_name))
    return _with_markers(rendered, calls, _with_hole(before, ID), between, one[end:])


def _learn_arguments(rendered: RenderedCalls, one: str, two: str | None) -> CallFormat | None:
    """A name, then each argument on its own."""
    name_at = one.index(FUNCTION)
    places = [name_at + len(FUNCTION)]
    for piece in (TEXT_KEY, TEXT, NUMBER_KEY, _NUMBER):
        at = one.find(piece, places[-1])
        if at < 0:
            return None
        places += [at, at + len(piece)]
    head, middle, step, number_middle, rest = (
        *(one[places[i] : places[i + 1]] for i in (0, 2, 4, 6)),
        one[places[8] :],
    )
    between = None
    if two is not None:
        other_at = two.index(OTHER)
        number_at = two.rfind(_NUMBER, 0, other_at)
        between = two[number_at + len(_NUMBER) : other_at] if number_at >= 0 else None
    if head.startswith("(") and middle.startswith("="):
        return _python(rendered, one[:name_at], between, rest)
    if head.startswith("{"):
        calls = CallFormat(CallKind.DICT, quote=middle.lstrip(": "))
        inner = between[between.index("}") + 1 :] if between is not None and "}" in between else None
        return _with_markers(rendered, calls, one[:name_at], inner, rest[rest.find("}") + 1 :])
    return _tagged(rendered, one[:name_at], (head, middle, step, number_middle, rest), between)


def _python(rendered: RenderedCalls, before: str, between: str | None, rest: str) -> CallFormat:
    """Calls as Python writes them. The brackets of a list are no part of the markers."""
    after = rest[rest.find(")") + 1 :]
    if between is None:
        return _with_markers(rendered, CallFormat(CallKind.PYTHON), before, None, after)
    begin, end = before.strip(), rendered.before_turn_end(after).strip()
    section = Pair(begin.removesuffix("["), end.removeprefix("]"))
    keys = JsonKeys(array=begin.endswith("["))
    return CallFormat(CallKind.PYTHON, section, separator=between[between.find(")") + 1 :], keys=keys)


def _tagged(
    rendered: RenderedCalls, before: str, texts: tuple[str, str, str, str, str], between: str | None
) -> CallFormat | None:
    head, middle, step, number_middle, rest = texts
    step, rest = step.replace(TEXT_KEY, "{key}"), rest.replace(NUMBER_KEY, "{key}")
    only = rendered.calls((FUNCTION, {TEXT_KEY: TEXT}, ID))
    tail = rest
    if only is not None and TEXT in only:
        tail = only[only.rindex(TEXT) + len(TEXT) :].replace(TEXT_KEY, "{key}")
    after = rendered.cut.common_begin(tail, step)
    begin = step[len(after) :]
    if not head.endswith(begin):
        begin = rendered.cut.common_end(head, step)
    if not after.strip() and not begin.strip():
        return None
    separator = step[len(after) : len(step) - len(begin)]
    middle, types = _typed_middle(rendered, middle, number_middle)
    marked = rendered.calls((FUNCTION, {TEXT_KEY: "<b>&"}, ID))
    cdata = marked is not None and "<![CDATA[<b>&]]>" in marked
    parameter = ParameterFormat(begin, middle, after, separator, types, cdata=cdata)
    calls = CallFormat(CallKind.TAGGED, after_name=_with_hole(head[: len(head) - len(begin)], ID), parameter=parameter)
    inner = between.replace(NUMBER_KEY, "{key}")[len(after) :] if between is not None else None
    return _with_markers(rendered, calls, before, inner, rest[len(after) :])


def _typed_middle(rendered: RenderedCalls, text: str, number: str) -> tuple[str, dict[str, str]]:
    """What stands between key and value, with ``{type}`` for a word that depends on the value's type."""
    if text.strip() == number.strip():
        return text, {}
    begin, end = rendered.cut.common_begin(text, number), rendered.cut.common_end(text, number)
    types = {"string": _between(text, begin, end)}
    for kind in ("integer", "number"):
        types[kind] = _between(number, begin, end)
    for kind, value in TYPED.items():
        shown = rendered.calls((FUNCTION, {TEXT_KEY: value}, ID))
        at = shown.find(begin, shown.find(TEXT_KEY)) if shown is not None else -1
        if shown is not None and at >= 0 and (stop := shown.find(end, at + len(begin))) >= 0:
            types[kind] = shown[at + len(begin) : stop]
    return f"{begin}{{type}}{end}", types


def _between(text: str, begin: str, end: str) -> str:
    return text[len(begin) : len(text) - len(end)]
