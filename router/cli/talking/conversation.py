"""A chat as it goes on: its messages, what the model is asked for, and its file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class ThoughtStyle(StrEnum):
    """How a model's thoughts are shown: all of them, one line with their time, or not at all."""

    SHOW = "show"
    FOLD = "fold"
    HIDE = "hide"


@dataclass
class Conversation:
    """The messages so far, and the parameters of the next request. ``model`` is empty for the server's default."""

    model: str = ""
    system: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)

    def request(self) -> dict[str, Any]:
        """The body for ``/v1/chat/completions``."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        model = {"model": self.model} if self.model else {}
        return {**model, **self.parameters, "messages": [*system, *self.messages]}

    def ask(self, text: str) -> None:
        """Add what the user says."""
        self.messages.append({"role": "user", "content": text})

    def answer(self, text: str) -> None:
        """Add what the model says. Without a word of it, the question is taken back, so that it may be asked again."""
        if text:
            self.messages.append({"role": "assistant", "content": text})
        else:
            self.messages.pop()

    def clear(self) -> None:
        """Forget the messages; model and system prompt stay."""
        self.messages.clear()

    def save(self, path: Path) -> None:
        """Write the chat to a new file: as JSON for a name in ``.json``, else as Markdown.

        Raises:
            OSError: the file exists, or cannot be written.
        """
        shown = self.request()
        text = json.dumps(shown, indent=1, ensure_ascii=False) + "\n" if path.suffix == ".json" else self._markdown()
        with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)

    def _markdown(self) -> str:
        return "\n".join(f"## {message['role']}\n\n{message['content']}\n" for message in self.request()["messages"])
