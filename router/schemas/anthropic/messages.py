"""From Anthropic's messages to those of a chat, as jobs have them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import field_validator

from router.schemas.anthropic.blocks import (
    Block,
    checked_content,
    content_of_result,
    given_of,
    ignore_block,
    member,
    text_of,
    text_of_content,
)
from router.schemas.anthropic.signatures import carried_by
from router.schemas.base import RequestModel
from router.schemas.media.given import content_of, joined

ChatMessage = dict[str, Any]

BILLING_LINE = "x-anthropic-billing-header:"
"""How the line begins that Claude Code puts before its prompt. It changes, so with it no prefix would be cached."""

_Located = tuple[str, Block]
"""A block and its path."""


class InputMessage(RequestModel):
    """One turn of a chat, or a part of one: neighbours of the same role are one turn."""

    role: Literal["user", "assistant", "system"]
    content: str | list[dict[str, Any]]

    @field_validator("content", mode="before")
    @classmethod
    def _blocks_with_types(cls, given: Any) -> Any:
        return checked_content(given)


def system_of(system: str | list[dict[str, Any]], notes: list[str]) -> list[ChatMessage]:
    """The system's message, if it has one, without the line of Claude Code that changes.

    Raises:
        ApiError: 400, a block is invalid.
    """
    blocks: list[Block] = [{"type": "text", "text": system}] if isinstance(system, str) else system
    texts = [text_of(block, f"system.{index}", notes) for index, block in enumerate(blocks)]
    kept = [_without_billing(text) for text in texts if text is not None]
    text = joined([text for text in kept if text])
    return [{"role": "system", "content": text}] if text else []


def chat_of(messages: Sequence[InputMessage], notes: list[str]) -> list[ChatMessage]:
    """The chat that these messages are. What is ignored gets a note.

    Raises:
        ApiError: 400, a block is invalid, or has what the server cannot read.
    """
    located = [(message.role, _located(message, f"messages.{index}")) for index, message in enumerate(messages)]
    chat: list[ChatMessage] = []
    for role, turns in itertools.groupby((each for each in located if each[1]), key=lambda each: each[0]):
        blocks = [block for _, turn in turns for block in turn]
        match role:
            case "assistant":
                chat += _assistant(blocks, notes)
            case "user":
                chat += _user(blocks, notes)
            case _:
                chat += _words("system", blocks, notes)
    return chat


def _located(message: InputMessage, path: str) -> list[_Located]:
    if isinstance(message.content, str):
        return [(f"{path}.content", {"type": "text", "text": message.content})]
    return [(f"{path}.content.{index}", block) for index, block in enumerate(message.content)]


def _without_billing(text: str) -> str:
    return text.partition("\n")[2] if text.startswith(BILLING_LINE) else text


def _user(blocks: list[_Located], notes: list[str]) -> Iterator[ChatMessage]:
    """The results of tools, each in a message of its own, then everything else in one."""
    others: list[_Located] = []
    for path, block in blocks:
        if block["type"] != "tool_result":
            others.append((path, block))
            continue
        call = member(block, "tool_use_id", str, path)
        yield {"role": "tool", "tool_call_id": call, "content": content_of_result(block, path, notes)}
    yield from _words("user", others, notes)


def _words(role: str, blocks: list[_Located], notes: list[str]) -> list[ChatMessage]:
    given = [given_of(block, path, notes) for path, block in blocks]
    kept = [part for part in given if part is not None]
    return [{"role": role, "content": content_of(kept)}] if kept else []


def _assistant(blocks: list[_Located], notes: list[str]) -> list[ChatMessage]:
    """A turn of the model: its thought, its words, its calls."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for path, block in blocks:
        match block["type"]:
            case "text":
                texts.append(member(block, "text", str, path))
            case "thinking":
                thought = member(block, "thinking", str, path, "")
                thoughts.append(thought or carried_by(member(block, "signature", str, path, "")))
            case "tool_use":
                calls.append(_call(block, path))
            case "redacted_thinking":
                pass  # encrypted by another server
            case "document" | "search_result":
                texts.append(text_of_content([block], path, notes))
            case other:
                ignore_block(other, notes)
    if not any(texts) and not calls and not any(thoughts):
        return []
    turn: ChatMessage = {"role": "assistant", "content": joined(texts) if texts else None}
    if any(thoughts):
        turn["reasoning_content"] = joined([thought for thought in thoughts if thought])
    if calls:
        turn["tool_calls"] = calls
    return [turn]


def _call(block: Block, path: str) -> dict[str, Any]:
    arguments = member(block, "input", dict, path, {})
    return {
        "id": member(block, "id", str, path, ""),
        "type": "function",
        "function": {
            "name": member(block, "name", str, path),
            "arguments": json.dumps(arguments, ensure_ascii=False),
        },
    }
