"""Writes calls as a model would."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workers.chat.formats.chat_format import (
    CallFormat,
    CallKind,
    ChatFormat,
    JsonKeys,
    ParameterFormat,
    PartsFormat,
    Recipients,
)


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call of a function."""

    name: str
    arguments: dict[str, Any]
    id: str = ""


def write_calls(calls: CallFormat, written: Sequence[WrittenCall]) -> str:
    """The text of these calls, with the markers around them."""
    bodies = [_body(calls, call, index) for index, call in enumerate(written)]
    inner = calls.separator.join(bodies) if calls.separator else "".join(bodies)
    if calls.keys.array and calls.kind in (CallKind.JSON, CallKind.PYTHON):
        inner = f"[{', '.join(bodies)}]"
    return f"{calls.section.begin}{inner}{calls.section.end}"


def write_beginning(chat_format: ChatFormat, thought: str, words: str, opened: bool) -> str:
    """The text of an answer that begins with this thought and these words, of which one or both may be empty.

    ``opened``: the prompt ends within a thought.
    """
    if chat_format.parts is not None:
        return _parts(chat_format.parts, thought, words)
    pair = chat_format.thought
    before = ""
    if pair is not None and thought:
        before = f"{'' if opened else pair.begin}{thought}{pair.end if words else ''}"
    elif pair is not None and opened and words:
        before = pair.end
    return f"{before}{chat_format.words.begin}{words}" if words else before


def write_words(chat_format: ChatFormat, words: str) -> str:
    """An answer of these words, with what must stand around them."""
    if chat_format.parts is not None:
        return f"{part_header(chat_format.parts, chat_format.parts.words[0])}{words}"
    return f"{chat_format.words.begin.strip()}{words}{chat_format.words.end.strip()}"


def part_header(parts: PartsFormat, recipient: str) -> str:
    """The header of a part for this recipient or channel, with the marker before its body."""
    before = {Recipients.CHANNELS: "<|channel|>", Recipients.TO: " to=", Recipients.NAME: ""}[parts.recipients]
    return f"{before}{recipient}{parts.message}"


def call_header(parts: PartsFormat, name: str) -> str:
    """The header of a call of this function."""
    if parts.recipients is not Recipients.CHANNELS:
        return part_header(parts, name)
    return part_header(parts, f"commentary to={parts.prefix}{name} <|constrain|>json")


def write_call_part(chat_format: ChatFormat, parts: PartsFormat, call: WrittenCall) -> str:
    """A call as a part of an answer, without the end of the part."""
    header = call_header(parts, call.name)
    if chat_format.calls is not None:
        return f"{header}{write_calls(chat_format.calls, [call])}"
    return f"{header}{json.dumps(call.arguments, ensure_ascii=False)}"


def _parts(parts: PartsFormat, thought: str, words: str) -> str:
    written = f"{part_header(parts, parts.thoughts[0])}{thought}" if thought else ""
    if thought and words:
        written += f"{parts.ends[0]}{parts.begin}"
    return f"{written}{part_header(parts, parts.words[0])}{words}" if words else written


def _body(calls: CallFormat, call: WrittenCall, index: int) -> str:
    identifier = call.id or str(index)
    markers = (calls.call.begin, calls.after_name, calls.call.end)
    begin, after_name, end = (marker.replace("{id}", identifier) for marker in markers)
    match calls.kind:
        case CallKind.JSON:
            inner = json.dumps(_object(calls.keys, call, identifier), ensure_ascii=False)
        case CallKind.NAMED_JSON:
            inner = f"{call.name}{after_name}{json.dumps(call.arguments, ensure_ascii=False)}"
        case CallKind.PYTHON:
            inner = f"{call.name}({', '.join(f'{key}={_python(value)}' for key, value in call.arguments.items())})"
        case CallKind.DICT:
            inner = f"{call.name}{after_name}{_dict(call.arguments, calls.quote)}"
        case CallKind.TAGGED:
            assert calls.parameter is not None
            arguments = [_parameter(calls.parameter, key, value) for key, value in call.arguments.items()]
            inner = f"{call.name}{after_name}{calls.parameter.separator.join(arguments)}"
    return f"{begin}{inner}{end}"


def _object(keys: JsonKeys, call: WrittenCall, identifier: str) -> dict[str, Any]:
    arguments: Any = json.dumps(call.arguments, ensure_ascii=False) if keys.text else call.arguments
    if keys.name_is_key:
        return {call.name: arguments}
    inner = {keys.name: call.name, keys.arguments: arguments}
    if keys.id:
        inner[keys.id] = identifier
    return {**keys.more, keys.inside: inner} if keys.inside else {**keys.more, **inner}


def _python(value: Any) -> str:
    """A value as Python writes it, but always with double quotes, as in models' answers."""
    match value:
        case dict():
            return f"{{{', '.join(f'{_python(key)}: {_python(member)}' for key, member in value.items())}}}"
        case list():
            return f"[{', '.join(map(_python, value))}]"
        case str():
            return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _dict(value: Any, quote: str) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{key}:{_dict(member, quote)}" for key, member in value.items()) + "}"
        case list():
            return "[" + ",".join(_dict(item, quote) for item in value) + "]"
        case str():
            return f"{quote}{value}{quote}"
    return json.dumps(value)


def _parameter(parameter: ParameterFormat, key: str, value: Any) -> str:
    if parameter.nested and isinstance(value, dict):
        text = "".join(_parameter(parameter, name, member) for name, member in value.items())
    elif parameter.nested and isinstance(value, list):
        text = "".join(_parameter(parameter, parameter.item, item) for item in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    before = parameter.before if "{key}" in parameter.before else f"{parameter.before}{{key}}"
    written = f"{before}{parameter.middle}".replace("{type}", parameter.types.get(_type_of(value), ""))
    return f"{written}\0{parameter.after}".replace("{key}", key).replace("\0", text)


def _type_of(value: Any) -> str:
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array"}
    return kinds.get(type(value), "object")
