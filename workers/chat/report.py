"""Shows what was learnt from a chat template, and what the server would make of a model's raw answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from workers.chat.formats.chat_format import CallFormat, CallKind, ChatFormat, JsonKeys, Pair
from workers.chat.formats.writing import WrittenCall, write_call_part, write_calls
from workers.chat.message import message_of
from workers.chat.model_chat import ModelChat
from workers.chat.program import TemplateFailure, TemplateRefusal

_USER = {"role": "user", "content": "Is it warm in Rome?"}
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
_CALL = WrittenCall("get_weather", {"city": "Rome", "days": 3}, "call00000")


_KINDS = {str: "text", bool: "a boolean", list: "a list", dict: "an object"}
_REASONING_FORMATS = ("auto", "deepseek", "none")


class BadLine(Exception):
    """A line of raw answers is not as expected. The message names the field."""


def describe(chat: ModelChat) -> str:
    """What was learnt, for people, with a prompt and a call as examples."""
    learnt, needs = chat.learnt, chat.needs
    rows = [("calls", learnt.origin.value), *_format_rows(chat.format)]
    rows += [
        ("tools in the prompt", "by the template" if learnt.lists_tools else "by nexa's own prompt"),
        ("calls in messages", f"arguments as {learnt.arguments}" if learnt.arguments else "written into the content"),
        ("thoughts in messages", learnt.reasoning_key or "left out"),
        ("system message", "taken" if needs.system else "put before the first user's message"),
    ]
    if chat.format.thinks:
        rows.append(("thoughts opened by", ", ".join(_openers(chat))))
    if needs.merges:
        rows.append(("equal roles", "joined"))
    if needs.short_ids:
        rows.append(("ids of calls", "9 letters and digits"))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:{width}}  {value}" for name, value in rows]
    return "\n".join([*lines, "", "example prompt", _example(chat), "", "example call", _example_call(chat)])


def _openers(chat: ModelChat) -> Iterator[str]:
    """Who opens thoughts: by default, with thinking asked for, and without."""
    for name, options in (("", {}), ("with thinking on: ", _thinking(True)), ("off: ", _thinking(False))):
        try:
            prompt = chat.prompt([_USER], [], options)
        except (TemplateRefusal, TemplateFailure):
            yield f"{name}refused"
        else:
            yield name + ("the prompt" if prompt.opened else "the model" if prompt.thinks else "nobody")


def _thinking(on: bool) -> dict[str, Any]:
    return {"enable_thinking": on, "thinking": on}


def _format_rows(chat_format: ChatFormat) -> Iterator[tuple[str, str]]:
    if chat_format.thought is not None:
        yield "thought", _shown(chat_format.thought)
    if chat_format.words:
        yield "words", _shown(chat_format.words)
    if chat_format.parts is not None:
        parts = chat_format.parts
        yield "parts", f"{parts.begin!r} HEADER {parts.message!r} BODY, to {' or '.join(map(repr, parts.ends))}"
        yield "thoughts for", ", ".join(parts.thoughts) or "nobody"
        yield "words for", ", ".join(parts.words)
    if chat_format.calls is not None:
        yield from _call_rows(chat_format.calls)
    if chat_format.turn_end:
        yield "end of turn", repr(chat_format.turn_end)


def _call_rows(calls: CallFormat) -> Iterator[tuple[str, str]]:
    yield "kind of calls", calls.kind.value
    if calls.kind is CallKind.JSON:
        yield "keys of calls", _keys(calls.keys)
    if calls.section:
        yield "around all calls", _shown(calls.section)
    if calls.call:
        yield "around each call", _shown(calls.call)
    if calls.after_name.strip():
        yield "behind the name", repr(calls.after_name)
    if calls.parameter is not None:
        parameter = calls.parameter
        yield "each argument", f"{parameter.before!r} KEY {parameter.middle!r} VALUE {parameter.after!r}"
    yield "several calls", "yes" if calls.parallel else "no"


def _keys(keys: JsonKeys) -> str:
    if keys.name_is_key:
        return "the function's name"
    names = ", ".join(name for name in (keys.name, keys.arguments, keys.id, *keys.more) if name)
    return f"{names}, within {keys.inside}" if keys.inside else names


def _shown(pair: Pair) -> str:
    return f"{pair.begin!r} ... {pair.end!r}"


def _example(chat: ModelChat) -> str:
    try:
        return chat.prompt([_USER], [_TOOL]).text
    except (TemplateRefusal, TemplateFailure) as error:
        return f"(refused: {error})"


def _example_call(chat: ModelChat) -> str:
    if chat.format.parts is not None:
        return write_call_part(chat.format, chat.format.parts, _CALL)
    if chat.format.calls is not None:
        return write_calls(chat.format.calls, [_CALL])
    return json.dumps(_CALL.arguments)


def parse_line(chat: ModelChat, line: str | bytes) -> dict[str, Any]:
    """The message that the server would return for a raw answer.

    Args:
        chat: the model.
        line: a JSON object with the ``output``, and the request's ``messages``, ``tools``, ``tool_choice``,
            ``parallel_tool_calls``, ``response_format``, ``enable_thinking``, ``chat_template_kwargs`` and
            ``reasoning_format``, of which all may be missing.

    Raises:
        BadLine: the line is no such object.
    """
    given = _object(line)
    output = _field(given, "output", str, None)
    messages = _messages(_field(given, "messages", list, [])) or [_USER]
    tools = _offered(_tools(_field(given, "tools", list, [])), given.get("tool_choice"))
    options = dict(_field(given, "chat_template_kwargs", dict, {}))
    if given.get("enable_thinking") is not None:
        options = {**_thinking(_field(given, "enable_thinking", bool, None)), **options}
    _field(given, "parallel_tool_calls", bool, True)
    reasoning_format = _field(given, "reasoning_format", str, "auto")
    if reasoning_format not in _REASONING_FORMATS:
        raise BadLine(f"reasoning_format: expected {' or '.join(_REASONING_FORMATS)}, got {reasoning_format!r}")
    try:
        prompt = chat.prompt(messages, tools, options)
    except (TemplateRefusal, TemplateFailure) as error:
        raise BadLine(f"messages: the template refused them: {error}") from None
    except RecursionError:
        raise BadLine("messages: expected arguments that are nested less deeply") from None
    response_format = _field(given, "response_format", dict, {}).get("type", "text")
    parser = chat.parser(
        prompt,
        tools,
        keep_thoughts=reasoning_format == "none",
        fenced=response_format != "text",
    )
    return message_of([*parser.feed(output), *parser.finish()])


def _field(given: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = given.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        raise BadLine(f"{name}: expected {_KINDS[kind]}, got {value!r}" if name in given else f"{name} is required")
    return value


def _object(line: str | bytes) -> dict[str, Any]:
    text = line if isinstance(line, str) else line.decode("utf-8", "replace")
    shown = repr(text.strip()[:60])
    try:
        given = json.loads((line if isinstance(line, str) else line.decode("utf-8")).rstrip())
    except UnicodeDecodeError as error:
        raise BadLine(f"expected UTF-8, got {shown}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise BadLine(f"expected a JSON object, got {shown}: {error}") from None
    if not isinstance(given, dict):
        raise BadLine(f"expected a JSON object, got {shown}")
    return given


def _offered(tools: list[dict[str, Any]], choice: Any) -> list[dict[str, Any]]:
    """The tools that a choice leaves."""
    if choice in (None, "auto", "required"):
        return tools
    if choice == "none":
        return []
    if not isinstance(choice, dict):
        raise BadLine(f"tool_choice: expected 'auto', 'none', 'required' or an object, got {choice!r}")
    return tools


def _messages(given: list[Any]) -> list[dict[str, Any]]:
    for index, message in enumerate(given):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadLine(f"messages[{index}]: expected a message with a role, got {message!r}")
    return given


def _tools(given: list[Any]) -> list[dict[str, Any]]:
    """Tools in OpenAI's form, also if they are functions alone."""
    tools = []
    for index, tool in enumerate(given):
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadLine(f"tools[{index}]: expected a function with a name, got {tool!r}")
        parameters = function.get("parameters")
        if isinstance(parameters, str):
            parameters = _loaded(parameters or "{}", f"tools[{index}]")
        tools.append({"type": "function", "function": {**function, "parameters": parameters or {}}})
    return tools


def _loaded(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadLine(f"{name}.parameters: expected JSON, got {text[:60]!r}: {error}") from None
