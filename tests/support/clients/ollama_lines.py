"""Ollama's streams, put together."""

from __future__ import annotations

import json
from typing import Any

TIMES = ("created_at", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def lines_of(text: str) -> list[dict[str, Any]]:
    """The objects of a stream's lines."""
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def whole_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What a client makes of all lines: their texts, thoughts, calls and log probabilities joined."""
    *parts, last = lines
    assert last["done"]
    assert not any(part["done"] for part in parts)
    logprobs = [row for part in lines for row in part.get("logprobs", [])]
    whole = {**last, **({"logprobs": logprobs} if logprobs else {})}
    if "message" not in last:
        whole["response"] = "".join(part["response"] for part in lines)
        return whole | _joined(lines, "thinking")
    messages = [part["message"] for part in lines]
    calls = [call for message in messages for call in message.get("tool_calls", [])]
    content = {"role": "assistant", "content": "".join(message["content"] for message in messages)}
    whole["message"] = content | _joined(messages, "thinking") | ({"tool_calls": calls} if calls else {})
    return whole


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what no two answers share."""
    assert all(isinstance(answer[name], int) and answer[name] > 0 for name in TIMES[1:] if name in answer)
    return {name: value for name, value in answer.items() if name not in TIMES}


def _joined(parts: list[dict[str, Any]], field: str) -> dict[str, str]:
    text = "".join(part.get(field, "") for part in parts)
    return {field: text} if text else {}
