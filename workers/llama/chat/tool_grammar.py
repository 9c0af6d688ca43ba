"""The grammar of answers with tool calls, in a model's own format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from workers.llama.chat.tool_format import ToolFormat

MAX_CALLS = 16
"""Maximum number of calls in one answer. Some models would never stop calling."""

SpecialToken = Callable[[str], int | None]
"""The id of the special token with this text, None if the vocabulary has none."""


def calls_grammar(
    tool_format: ToolFormat,
    parameters: dict[str, Any],
    parallel: bool,
    content_allowed: bool,
    special_token: SpecialToken,
) -> str:
    """A Lark grammar (llguidance's dialect) of answers that call one or more functions.

    Args:
        tool_format: the markers around calls.
        parameters: each function's JSON schema, by name.
        parallel: whether more than one call may follow.
        content_allowed: whether the answer may be content without a call, or have content before it.
        special_token: finds markers that are special tokens.
    """

    def marker(text: str) -> str:
        return _marker(text, special_token)

    more = f"({marker(tool_format.separator)} one){{0,{MAX_CALLS - 1}}}" if parallel else ""
    rules = [
        f"calls: {marker(tool_format.opening)} one {more} {marker(tool_format.closing)}",
        f"one: {marker(tool_format.begin)} body {marker(tool_format.end)}",
        "body: " + " | ".join(f"body_{i}" for i in range(len(parameters))),
    ]
    for i, (name, schema) in enumerate(parameters.items()):
        head = json.dumps(f'{{"name": "{name}", "{tool_format.arguments_key}": ')
        rules += [f'body_{i}: {head} arguments_{i} "}}"', f"arguments_{i}: %json {json.dumps(schema)}"]
    start = _start_rules(tool_format, marker, more) if content_allowed else ["start: calls"]
    return "\n".join([*start, *rules])


def _marker(text: str, special_token: SpecialToken) -> str:
    """A marker as terminals of the grammar: special tokens by their ids, the rest as text."""
    parts = [part for part in re.split(r"(</?tool_call>|\[TOOL_CALLS\])", text) if part]
    ids = [special_token(part) for part in parts]
    return " ".join(
        f"<[{token}]>" if token is not None else json.dumps(part) for part, token in zip(parts, ids, strict=True)
    )


def _start_rules(tool_format: ToolFormat, marker: Callable[[str], str], more: str) -> list[str]:
    """The rules for an answer of content, calls, or both."""
    trigger = tool_format.trigger
    quoted = re.escape(trigger).replace("/", "\\/").replace('"', '\\"')
    if marker(trigger).startswith("<["):  # a special token, which a regular expression does not match
        return ["start: CONTENT? calls | CONTENT?", "CONTENT: /(?s:.+)/"]
    if not tool_format.content_first:
        return ["start: calls | CONTENT", f"CONTENT: /(?s:.*)/ & ~/(?s:\\s*{quoted}.*)/"]
    rest = f"calls_after: {_after_trigger(tool_format, marker, more)}"
    return [
        "start: CONTENT | content_and_trigger calls_after",
        f"CONTENT: /(?s:.*)/ & ~/(?s:.*{quoted}.*)/",
        f"content_and_trigger[lazy]: /(?s:.*){quoted}/",
        rest,
    ]


def _after_trigger(tool_format: ToolFormat, marker: Callable[[str], str], more: str) -> str:
    """The rule for the rest of the calls, after a trigger that was matched as the end of the content."""
    left = (tool_format.opening + tool_format.begin)[len(tool_format.trigger) :]
    first = f"{marker(left)} body {marker(tool_format.end)}"
    return f"{first} {more} {marker(tool_format.closing)}"
