"""Fits messages to what a chat template needs, so that nothing in them is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shared.wire.call_ids import short_id
from workers.chat.formats.chat_format import CallFormat
from workers.chat.formats.writing import WrittenCall, write_calls
from workers.chat.learning.needs import Beside, Needs
from workers.chat.learning.probing import naming_id

ChatMessage = dict[str, Any]

_PLAIN_TYPES = ("string", "number", "integer", "boolean", "array", "object")
_INNER = {"array": ("items",), "object": ("additionalProperties",)}


def fit_messages(
    messages: list[ChatMessage], needs: Needs, calls: CallFormat | None, reasoning_key: str, tools: bool = True
) -> list[ChatMessage]:
    """The messages in the form that the template takes.

    Args:
        messages: the chat, in OpenAI's form.
        needs: what the template needs.
        calls: how the model writes calls, for templates that do not render them.
        reasoning_key: where the template takes thoughts: the key of a message, ``parts``, or nothing.
        tools: the prompt is to have tools.
    """
    fitted = _with_named_results([_plain(message) for message in messages])
    lost = needs.calls_for_tools and not tools
    if (lost or not needs.calls) and calls is not None:
        fitted = [_calls_as_words(message, calls) for message in fitted]
    if lost or not needs.results:
        fitted = [_result_as_words(message) for message in fitted]
    fitted = _with_system(fitted, needs, tools)
    if not needs.parallel or (calls is not None and not calls.parallel):
        fitted = list(_one_call_at_a_time(fitted))
    if needs.named_ids:
        fitted = list(_with_naming_ids(fitted))
    if needs.beside is not Beside.TOGETHER:
        fitted = [each for message in fitted for each in _words_apart(message, needs.beside)]
    if not needs.many_results:
        fitted = _joined(fitted, ("tool",))
    if needs.merges:
        fitted = _joined(fitted, ("user", "assistant"))
    return [_finished(message, needs, reasoning_key) for message in fitted]


def with_descriptions(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool with a description of itself and of each parameter, for templates that fail without."""
    function = {"description": "", "parameters": {}, **_told(tool["function"])}
    parameters = {"type": "object", "properties": {}, **_told(function["parameters"])}
    properties = {
        name: {"type": "string", "description": "", **_told(schema)}
        for name, schema in _told(parameters["properties"]).items()
    }
    return {**tool, "function": {**function, "parameters": {**parameters, "properties": properties}}}


def _told(schema: Any) -> dict[str, Any]:
    """What a schema says, without nulls; nothing for one that is no object."""
    return {key: value for key, value in schema.items() if value is not None} if isinstance(schema, dict) else {}


def with_plain_types(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool with descriptions, and with types that every template knows, for templates that fail on others."""
    described = with_descriptions(tool)
    return {
        **described,
        "function": {**described["function"], "parameters": _plain_types(described["function"]["parameters"])},
    }


def _plain_types(schema: Any) -> Any:
    """The schema with one type, which is not null, and with what the values of open objects and lists are."""
    if not isinstance(schema, dict):
        return schema
    types = schema.get("type")
    known = [each for each in (types if isinstance(types, list) else [types]) if each in _PLAIN_TYPES]
    plain = {**schema, "type": known[0] if known else "string"}
    if isinstance(schema.get("properties"), dict):
        plain["properties"] = {name: _plain_types(each) for name, each in schema["properties"].items()}
    for key in _INNER.get(plain["type"], ()):
        plain[key] = _plain_types(schema[key] if isinstance(schema.get(key), dict) else {})
    return plain


def text_of(content: Any) -> str:
    """The text of a message's content, whose parts are lines."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return content or ""


def _plain(message: ChatMessage) -> ChatMessage:
    """The message with its content as text, and roles that templates know."""
    roles = {"developer": "system", "function": "tool"}
    plain = {**message, "role": roles.get(message["role"], message["role"]), "content": text_of(message.get("content"))}
    thought = plain.pop("reasoning", None)
    if thought and not plain.get("reasoning_content"):
        plain["reasoning_content"] = thought
    if not plain.get("tool_calls"):
        plain.pop("tool_calls", None)
    return plain


def _with_named_results(messages: list[ChatMessage]) -> list[ChatMessage]:
    """The messages with an id for each call, and the id and name of its call for each result."""
    named, open_calls, count = list[ChatMessage](), list[tuple[str, str]](), 0
    for message in messages:
        if "tool_calls" in message:
            calls = []
            for call in message["tool_calls"]:
                call = {"type": "function", **call, "id": call.get("id") or f"call{count:05d}"}
                count += 1
                calls.append(call)
                open_calls.append((call["id"], call["function"]["name"]))
            message = {**message, "tool_calls": calls}
        elif message["role"] == "tool":
            given = message.get("tool_call_id")
            found = next((call for call in open_calls if call[0] == given), None)
            found = found or next((call for call in open_calls if not given), None)
            if found is not None:
                open_calls.remove(found)
                message = {**message, "tool_call_id": found[0], "name": message.get("name") or found[1]}
        named.append(message)
    return named


def _with_system(messages: list[ChatMessage], needs: Needs, tools: bool) -> list[ChatMessage]:
    """The messages with all leading system messages as one, and others as the template takes them."""
    leading = 0
    while leading < len(messages) and messages[leading]["role"] == "system":
        leading += 1
    system = "\n\n".join(message["content"] for message in messages[:leading])
    rest = messages[leading:]
    if not needs.late_system:
        rest = [{**message, "role": "user"} if message["role"] == "system" else message for message in rest]
    if not leading:
        return [{"role": "system", "content": ""}, *rest] if tools and needs.system_for_tools else rest
    taken = needs.system and not (needs.system_for_user and rest and rest[-1]["role"] != "user")
    if taken:
        return [{**messages[0], "content": system}, *rest]
    for at, message in enumerate(rest):
        if message["role"] == "user":
            joined = {**message, "content": f"{system}\n\n{message['content']}"}
            return [*rest[:at], joined, *rest[at + 1 :]]
    return [{"role": "user", "content": system}, *rest]


def arguments_of(call: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call as an object. What is none is kept as its ``value``."""
    arguments = call["function"].get("arguments")
    if isinstance(arguments, str):
        if not arguments.strip():
            return {}
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return {"value": arguments}
    if arguments is None:
        return {}
    return arguments if isinstance(arguments, dict) else {"value": arguments}


def _calls_as_words(message: ChatMessage, calls: CallFormat) -> ChatMessage:
    if "tool_calls" not in message:
        return message
    made = [WrittenCall(call["function"]["name"], arguments_of(call), call["id"]) for call in message["tool_calls"]]
    texts = [message["content"]] if message["content"] else []
    words = {key: value for key, value in message.items() if key != "tool_calls"}
    return {**words, "content": "\n".join([*texts, write_calls(calls, made)])}


def _result_as_words(message: ChatMessage) -> ChatMessage:
    if message["role"] != "tool":
        return message
    return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}


def _one_call_at_a_time(messages: list[ChatMessage]) -> Iterator[ChatMessage]:
    """Each call in a message of its own, followed by its result."""
    at = 0
    while at < len(messages):
        message = messages[at]
        at += 1
        calls = message.get("tool_calls", [])
        if len(calls) < 2:
            yield message
            continue
        results = []
        while at < len(messages) and messages[at]["role"] == "tool":
            results.append(messages[at])
            at += 1
        for index, call in enumerate(calls):
            yield {**message, "content": message["content"] if index == 0 else "", "tool_calls": [call]}
            own = [result for result in results if result.get("tool_call_id") == call["id"]]
            yield from own
            results = [result for result in results if result not in own]
        yield from results


def _with_naming_ids(messages: list[ChatMessage]) -> Iterator[ChatMessage]:
    """The messages with ids that tell the function's name and which call of the chat it is."""
    names = dict[str, str]()
    for message in messages:
        if "tool_calls" in message:
            calls = []
            for call in message["tool_calls"]:
                names[call["id"]] = naming_id(call["function"]["name"], len(names))
                calls.append({**call, "id": names[call["id"]]})
            yield {**message, "tool_calls": calls}
        elif message["role"] == "tool" and message.get("tool_call_id") in names:
            yield {**message, "tool_call_id": names[message["tool_call_id"]]}
        else:
            yield message


def _words_apart(message: ChatMessage, beside: Beside) -> Iterator[ChatMessage]:
    """The message without words beside its calls, behind one that has them if the template can show it."""
    if "tool_calls" in message and message["content"]:
        if beside is Beside.APART:
            yield {key: value for key, value in message.items() if key != "tool_calls"}
            message = {key: value for key, value in message.items() if key != "reasoning_content"}
        yield {**message, "content": ""}
    else:
        yield message


def _joined(messages: list[ChatMessage], roles: tuple[str, ...]) -> list[ChatMessage]:
    """The messages with neighbours of one of these roles as one. Calls stay apart."""
    joined = list[ChatMessage]()
    for message in messages:
        last = joined[-1] if joined else None
        if last is not None and last["role"] == message["role"] in roles and not last.get("tool_calls"):
            both: ChatMessage = {
                key: "\n\n".join(text for text in (last.get(key), message.get(key)) if text)
                for key in ("content", "reasoning_content")
                if key in last or key in message
            }
            joined[-1] = {**last, **message, **both}
        else:
            joined.append(message)
    return joined


def _finished(message: ChatMessage, needs: Needs, reasoning_key: str) -> ChatMessage:
    """The message with its calls, thought and content as the template takes them."""
    finished = dict(message)
    if "tool_calls" in message:
        finished["tool_calls"] = [_finished_call(call, needs) for call in message["tool_calls"]]
        finished["content"] = message["content"] or needs.blank
    if needs.short_ids and isinstance(message.get("tool_call_id"), str):
        finished["tool_call_id"] = short_id(message["tool_call_id"])
    thought = finished.pop("reasoning_content", None)
    if needs.parts and isinstance(finished["content"], str):
        finished["content"] = [{"type": "text", "text": finished["content"]}]
    if thought and reasoning_key == "parts":
        words = finished["content"]
        parts = words if isinstance(words, list) else [{"type": "text", "text": words}] if words else []
        finished["content"] = [{"type": "thinking", "thinking": thought}, *parts]
    elif thought and reasoning_key:
        finished[reasoning_key] = thought
    return finished


def _finished_call(call: dict[str, Any], needs: Needs) -> dict[str, Any]:
    arguments: Any = arguments_of(call)
    if needs.arguments == "text":
        arguments = json.dumps(arguments, ensure_ascii=False)
    identifier = short_id(call["id"]) if needs.short_ids else call["id"]
    return {**call, "id": identifier, "function": {**call["function"], "arguments": arguments}}
