"""From kept items to the messages of a chat, as jobs have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from router.schemas.responses.items import Item
from router.schemas.responses.media import content_of_parts
from router.schemas.responses.thoughts import unpacked_thought

Message = dict[str, Any]

CUSTOM_ARGUMENT = "input"
"""The only argument of the function that stands for a custom tool."""

EARLIER = "previous_response_id"
"""The field by which a request means earlier items."""


def messages_of(items: Sequence[Item], instructions: str | None = None, paths: Sequence[str] = ()) -> list[Message]:
    """The chat that these items are, behind the ``instructions``. Its media are not read yet.

    ``paths`` say where the last items are in the request; those before them are of earlier ones. A thought, words and
    calls in a row are one message of the assistant, as one answer had them.
    """
    messages: list[Message] = [] if instructions is None else [{"role": "system", "content": instructions}]
    open_turn: Message | None = None
    places = [*[EARLIER] * (len(items) - len(paths)), *paths]
    for item, path in zip(items, places, strict=True):
        match item["type"]:
            case "function_call_output" | "custom_tool_call_output":
                open_turn = None
                output = content_of_parts(item["output"], f"{path}.output")
                messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": output})
            case "message" if item["role"] != "assistant":
                open_turn = None
                messages.append({"role": item["role"], "content": content_of_parts(item["content"], f"{path}.content")})
            case kind:
                if open_turn is None or not _takes(open_turn, kind):
                    open_turn = {"role": "assistant", "content": None}
                    messages.append(open_turn)
                _add(open_turn, item)
    return messages


def thought_of(item: Item) -> str:
    """The text of a reasoning item: its content, or else what stands for it."""
    for parts in (item.get("content"), None if item.get("encrypted_content") else item.get("summary")):
        if parts:
            return "\n".join(part["text"] for part in parts)
    summary = "\n".join(part["text"] for part in item.get("summary") or [])
    return unpacked_thought(item.get("encrypted_content") or "") or summary


def _takes(turn: Message, kind: str) -> bool:
    """Whether an item of this kind may follow what the turn has: a thought, then words, then calls."""
    return kind not in ("reasoning", "message") or (turn["content"] is None and "tool_calls" not in turn)


def _add(turn: Message, item: Item) -> None:
    match item["type"]:
        case "reasoning":
            if thought := thought_of(item):
                turn["reasoning_content"] = "\n".join(filter(None, (turn.get("reasoning_content"), thought)))
        case "message":
            turn["content"] = content_of_parts(item["content"], "")
        case "function_call":
            turn.setdefault("tool_calls", []).append(_call(item, item["arguments"]))
        case "custom_tool_call":
            arguments = json.dumps({CUSTOM_ARGUMENT: item["input"]}, ensure_ascii=False)
            turn.setdefault("tool_calls", []).append(_call(item, arguments))


def _call(item: Item, arguments: str) -> dict[str, Any]:
    return {"id": item["call_id"], "type": "function", "function": {"name": item["name"], "arguments": arguments}}
