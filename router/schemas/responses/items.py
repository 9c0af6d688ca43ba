"""Items: what the input and the output of responses consist of, as they are kept.

A kept item has a type and an id, and its content in OpenAI's form. Items come from a request's ``input``, from the
output of earlier answers, or from both, if a client sends an output back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from router.schemas.errors import ApiError
from router.schemas.responses.media import MEDIA_PARTS, kept_medium
from router.schemas.shown import shown

Item = dict[str, Any]

MAX_ITEMS = 4096
MAX_ITEM_PARTS = 1024
ROLES = ("user", "assistant", "system", "developer")

ID_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}
"""The beginnings of the ids of items, by type. Items of other types are not kept."""

REFERENCE = "item_reference"
_TEXT_PARTS = ("input_text", "output_text", "text")


def kept_input(given: str | list[Any], new_id: Callable[[str, int], str]) -> tuple[list[Item], list[str]]:
    """The items of a request's ``input`` as they are kept, and notes of what in it is ignored.

    References to items stay as they are. ``new_id`` makes the id of an item of a type that has none, at an index.

    Raises:
        ApiError: 400, an item lacks something or has something that is not supported.
    """
    if isinstance(given, str):
        return [_message({"role": "user", "content": given}, "input", new_id("message", 0))], []
    items, ignored = [], dict[str, None]()
    for index, item in enumerate(given):
        path = f"input.{index}"
        if not isinstance(item, dict):
            raise ApiError(400, f"{path}: expected an object, got {shown(item)}", path)
        kind = _kind_of(item)
        if not isinstance(kind, str):
            raise ApiError(400, f"{path}.type is required", f"{path}.type")
        if kind == REFERENCE:
            items.append({"type": REFERENCE, "id": _text(item, "id", path)})
        elif kind in _KEPT:
            own_id = item.get("id")
            items.append(_KEPT[kind](item, path, own_id if isinstance(own_id, str) else new_id(kind, index)))
        else:
            ignored[kind[:50]] = None
    return items, [f"input: items of type {kind} are ignored" for kind in ignored]


def kept_places(given: str | list[Any]) -> list[int]:
    """The places in a request's ``input`` of the items that :func:`kept_input` keeps."""
    if isinstance(given, str):
        return [0]
    return [index for index, item in enumerate(given) if _kind_of(item) in (REFERENCE, *_KEPT)]


def _kind_of(item: Any) -> Any:
    return item.get("type") or ("message" if "role" in item else None)


def _message(item: Item, path: str, item_id: str) -> Item:
    role = item.get("role")
    if role not in ROLES:
        expected = ", ".join(map(repr, ROLES))
        raise ApiError(400, f"{path}.role: expected one of {expected}, got {shown(role)}", f"{path}.role")
    content = item.get("content")
    kind = "output_text" if role == "assistant" else "input_text"
    parts = [_part(kind, content)] if isinstance(content, str) else _parts(content, f"{path}.content", kind)
    return {"id": item_id, "type": "message", "status": "completed", "role": role, "content": parts}


def _function_call(item: Item, path: str, item_id: str) -> Item:
    arguments = item.get("arguments", "{}")
    if not isinstance(arguments, str):
        expected = "expected JSON text"
        raise ApiError(400, f"{path}.arguments: {expected}, got {shown(arguments)}", f"{path}.arguments")
    return {
        "id": item_id,
        "type": "function_call",
        "status": "completed",
        "call_id": _text(item, "call_id", path),
        "name": _text(item, "name", path),
        "arguments": arguments,
    }


def _custom_call(item: Item, path: str, item_id: str) -> Item:
    return {
        "id": item_id,
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": _text(item, "call_id", path),
        "name": _text(item, "name", path),
        "input": _text(item, "input", path),
    }


def _call_output(item: Item, path: str, item_id: str) -> Item:
    output = item.get("output")
    return {
        "id": item_id,
        "type": item["type"],
        "status": "completed",
        "call_id": _text(item, "call_id", path),
        "output": output if isinstance(output, str) else _parts(output, f"{path}.output", "input_text"),
    }


def _reasoning(item: Item, path: str, item_id: str) -> Item:
    kept: Item = {"id": item_id, "type": "reasoning", "summary": _texts(item.get("summary"), "summary_text")}
    if content := _texts(item.get("content"), "reasoning_text"):
        kept["content"] = content
    if isinstance(item.get("encrypted_content"), str):
        kept["encrypted_content"] = item["encrypted_content"]
    return kept


_KEPT: dict[str, Callable[[Item, str, str], Item]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "function_call_output": _call_output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _call_output,
}


def _parts(given: Any, path: str, kind: str) -> list[Item]:
    """Parts with text, of the type that others expect behind this role, and media unless it is the assistant's."""
    if given is None:
        raise ApiError(400, f"{path} is required: a string or a list of parts", path)
    if not isinstance(given, list):
        raise ApiError(400, f"{path}: expected a string or a list of parts, got {shown(given)}", path)
    if len(given) > MAX_ITEM_PARTS:
        raise ApiError(400, f"{path}: expected at most {MAX_ITEM_PARTS} parts, got {len(given)}", path)
    parts = []
    for index, part in enumerate(given):
        where = f"{path}.{index}"
        found = part.get("type") if isinstance(part, dict) else type(part).__name__
        if found in _TEXT_PARTS:
            parts.append(_part(kind, _text(part, "text", where)))
        elif found == "refusal":
            parts.append({"type": "refusal", "refusal": _text(part, "refusal", where)})
        elif found in MEDIA_PARTS and kind == "input_text":
            parts.append(kept_medium(part, where))
        else:
            kinds = " or ".join(map(repr, (kind, *(MEDIA_PARTS if kind == "input_text" else ()))))
            raise ApiError(400, f"{where}.type: expected {kinds}, got {shown(found)}", f"{where}.type")
    return parts


def _part(kind: str, text: str) -> Item:
    return {"type": kind, "text": text, "annotations": []} if kind == "output_text" else {"type": kind, "text": text}


def _text(item: Item, field: str, path: str) -> str:
    text = item.get(field)
    if text is None:
        raise ApiError(400, f"{path}.{field} is required", f"{path}.{field}")
    if not isinstance(text, str):
        raise ApiError(400, f"{path}.{field}: expected a string, got {shown(text)}", f"{path}.{field}")
    return text


def _texts(given: Any, kind: str) -> list[Item]:
    """The parts of a thought that have text; other ones are left out."""
    parts = given if isinstance(given, list) else []
    return [
        {"type": kind, "text": part["text"]}
        for part in parts[:MAX_ITEM_PARTS]
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
