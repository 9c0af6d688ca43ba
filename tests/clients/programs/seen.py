"""What all programs share: they read their task, try each feature of each client, and print what they saw as JSON."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import traceback
from typing import Any

FEATURES = (
    *("chat", "stream", "tools", "tool_stream", "structured", "thought"),
    *("cancel", "tokens", "overflow", "wrong_key", "models", "embeddings"),
)


class Task:
    """Where the server is, as whom to ask, and what."""

    url: str
    key: str
    model: str
    thinker: str
    embedder: str
    question: str
    weather: str
    story: str
    too_long: str
    texts: list[str]
    function: dict[str, Any]
    result: str
    schema: dict[str, Any]

    def __init__(self, given: dict[str, Any]) -> None:
        self.__dict__.update(given)


def show(clients: dict[str, type]) -> None:
    """Try every feature that these classes have a method for. They are named as the rows in docs/clients.md."""
    given = json.loads(sys.argv[1])
    seen = {}
    for name, client in clients.items():
        task = {**given, "key": given["keys"][name]}
        wrong = {**given, "key": "wrong", "url": given["other_url"]}
        seen[name] = {
            feature: _tried(client, feature, Task(wrong if feature == "wrong_key" else task))
            for feature in FEATURES
            if getattr(client, feature, None) is not None
        }
    print(json.dumps(seen))


def _tried(client: type, feature: str, task: Task) -> dict[str, Any]:
    try:
        found = getattr(client(task), feature)()
        return {"seen": asyncio.run(found) if inspect.iscoroutine(found) else found}
    except Exception:
        return {"failed": traceback.format_exc()}
