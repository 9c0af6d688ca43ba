"""Messages as chat templates expect them."""

from __future__ import annotations

import json
from typing import Any

ChatMessage = dict[str, Any]

TOOL_PROMPT = """You can call these functions, given as JSON schemas:
{tools}
For example, the message "Anna is 31 years old and lives in Rome" and a function Person give:
<tool_call>
{{"name": "Person", "arguments": {{"name": "Anna", "age": 31, "city": "Rome"}}}}
</tool_call>
Call the function that fits the message, with values from the message."""
"""For templates without tools. Without the example, small models put a function's name into its arguments."""

TOOL_MARKUP = "<tool_call></tool_call><tool_response></tool_response>"
"""What marks calls and results in messages for templates that do not know them."""


def parsed_messages(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Messages with content as text, only the roles that templates know, and arguments as objects."""
    prepared = []
    for message in messages:
        message = {**message, "content": _text_of(message.get("content"))}
        if message["role"] == "developer":
            message["role"] = "system"
        if message.get("tool_calls"):
            message["tool_calls"] = [_parsed_call(call) for call in message["tool_calls"]]
        prepared.append(message)
    return prepared


def messages_without_tools(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Parsed messages whose tool calls and tool results are text, for templates that do not know them."""
    return [_without_tools(message) for message in messages]


def with_tool_prompt(messages: list[ChatMessage], tools: list[dict[str, Any]]) -> list[ChatMessage]:
    """The messages, with ``tools`` described in the system message."""
    text = TOOL_PROMPT.format(tools="\n".join(json.dumps(tool) for tool in tools))
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def without_system_role(messages: list[ChatMessage]) -> list[ChatMessage]:
    """The messages, with the leading system message moved into the first user message."""
    system, rest = messages[0]["content"], messages[1:]
    for at, message in enumerate(rest):
        if message["role"] == "user":
            joined = {**message, "content": f"{system}\n\n{message['content']}"}
            return [*rest[:at], joined, *rest[at + 1 :]]
    return [{"role": "user", "content": system}, *rest]


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content)
    return content or ""


def _parsed_call(call: dict[str, Any]) -> dict[str, Any]:
    function = dict(call["function"])
    if isinstance(function.get("arguments"), str):
        try:
            function["arguments"] = json.loads(function["arguments"])
        except ValueError:
            function["arguments"] = {"value": function["arguments"]}
    return {**call, "function": function}


def _without_tools(message: ChatMessage) -> ChatMessage:
    if message.get("tool_calls"):
        calls = [
            f"<tool_call>\n{json.dumps({k: call['function'][k] for k in ('name', 'arguments')})}\n</tool_call>"
            for call in message["tool_calls"]
        ]
        content = [message["content"]] if message["content"] else []
        return {"role": "assistant", "content": "\n".join([*content, *calls])}
    if message["role"] in ("tool", "function"):
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    return {"role": message["role"], "content": message["content"]}
