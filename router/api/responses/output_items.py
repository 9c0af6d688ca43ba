"""The items of an output while they are generated: what events tell of each, and what it is in the end."""

from __future__ import annotations

from typing import Any, Protocol

from router.api.responses.custom_input import CustomInput
from router.api.responses.event_lines import Delta, EventLines
from router.schemas.responses.items import Item
from router.schemas.responses.thoughts import packed_thought

IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"


class OutputItem(Protocol):
    """An item that grows until it is closed."""

    def open(self, lines: EventLines) -> None:
        """Tell that it is there."""

    def close(self, lines: EventLines, status: str) -> None:
        """Tell that it is whole, or cut off."""

    def as_item(self) -> Item:
        """The item as it is now."""


class _Placed:
    """An item at its place in the output."""

    def __init__(self, item_id: str, output_index: int) -> None:
        self.item_id = item_id
        self.status = IN_PROGRESS
        self._at = {"item_id": item_id, "output_index": output_index}
        self._index = {"output_index": output_index}


class MessageItem(_Placed):
    """Words. ``logprobs`` are in the form that messages have them."""

    def __init__(self, item_id: str, output_index: int) -> None:
        super().__init__(item_id, output_index)
        self._texts: list[str] = []
        self._logprobs: list[Any] = []
        self._at["content_index"] = 0
        self._delta = Delta("response.output_text.delta", self._at, ',"logprobs":[]')

    def open(self, lines: EventLines) -> None:
        lines.add("response.output_item.added", {**self._index, "item": self._item([])})
        lines.add("response.content_part.added", {**self._at, "part": self._part("", [])})

    def add(self, lines: EventLines, text: str) -> None:
        """Add words."""
        self._texts.append(text)
        lines.add_delta(self._delta, text)

    def add_with_logprobs(self, lines: EventLines, text: str, logprobs: list[Any]) -> None:
        """Add words and the log probabilities of their tokens."""
        self._texts.append(text)
        self._logprobs += logprobs
        lines.add("response.output_text.delta", {**self._at, "delta": text, "logprobs": logprobs})

    def close(self, lines: EventLines, status: str) -> None:
        self.status = status
        text = "".join(self._texts)
        lines.add("response.output_text.done", {**self._at, "text": text, "logprobs": self._logprobs})
        lines.add("response.content_part.done", {**self._at, "part": self._part(text, self._logprobs)})
        lines.add("response.output_item.done", {**self._index, "item": self.as_item()})

    def as_item(self) -> Item:
        return self._item([self._part("".join(self._texts), self._logprobs)])

    def _item(self, content: list[Item]) -> Item:
        return {
            "id": self.item_id,
            "type": "message",
            "status": self.status,
            "role": "assistant",
            "content": content,
        }

    @staticmethod
    def _part(text: str, logprobs: list[Any]) -> Item:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


class ReasoningItem(_Placed):
    """A thought. With ``summary`` it is told a second time as its summary, which some clients show alone."""

    def __init__(self, item_id: str, output_index: int, summary: bool, encrypted: bool) -> None:
        super().__init__(item_id, output_index)
        self._thoughts: list[str] = []
        self._summary = summary
        self._encrypted = encrypted
        self._in_content = {**self._at, "content_index": 0}
        self._in_summary = {**self._at, "summary_index": 0}
        self._delta = Delta("response.reasoning_text.delta", self._in_content)
        self._summary_delta = Delta("response.reasoning_summary_text.delta", self._in_summary)

    def open(self, lines: EventLines) -> None:
        lines.add("response.output_item.added", {**self._index, "item": self._item("", begun=False)})
        if self._summary:
            part = {"type": "summary_text", "text": ""}
            lines.add("response.reasoning_summary_part.added", {**self._in_summary, "part": part})
        lines.add("response.content_part.added", {**self._in_content, "part": {"type": "reasoning_text", "text": ""}})

    def add(self, lines: EventLines, thought: str) -> None:
        """Add to the thought."""
        self._thoughts.append(thought)
        lines.add_delta(self._delta, thought)
        if self._summary:
            lines.add_delta(self._summary_delta, thought)

    def close(self, lines: EventLines, status: str) -> None:
        self.status = status
        text = "".join(self._thoughts)
        lines.add("response.reasoning_text.done", {**self._in_content, "text": text})
        part = {"type": "reasoning_text", "text": text}
        lines.add("response.content_part.done", {**self._in_content, "part": part})
        if self._summary:
            lines.add("response.reasoning_summary_text.done", {**self._in_summary, "text": text})
            part = {"type": "summary_text", "text": text}
            lines.add("response.reasoning_summary_part.done", {**self._in_summary, "part": part})
        lines.add("response.output_item.done", {**self._index, "item": self.as_item()})

    def as_item(self) -> Item:
        return self._item("".join(self._thoughts), begun=True)

    def _item(self, text: str, begun: bool) -> Item:
        item: Item = {"id": self.item_id, "type": "reasoning", "status": self.status, "summary": [], "content": []}
        if begun:
            item["content"] = [{"type": "reasoning_text", "text": text}]
            item["summary"] = [{"type": "summary_text", "text": text}] if self._summary else []
        if self._encrypted:
            item["encrypted_content"] = packed_thought(text)
        return item


class FunctionCallItem(_Placed):
    """A call of a function; ``arguments`` is JSON text."""

    def __init__(self, item_id: str, output_index: int, call_id: str, name: str) -> None:
        super().__init__(item_id, output_index)
        self._call = {"call_id": call_id, "name": name}
        self._arguments: list[str] = []
        self._delta = Delta("response.function_call_arguments.delta", self._at)

    def open(self, lines: EventLines) -> None:
        lines.add("response.output_item.added", {**self._index, "item": self.as_item()})

    def add(self, lines: EventLines, arguments: str) -> None:
        """Add to the arguments."""
        self._arguments.append(arguments)
        lines.add_delta(self._delta, arguments)

    def close(self, lines: EventLines, status: str) -> None:
        self.status = status
        item = self.as_item()
        done = {**self._at, "name": item["name"], "arguments": item["arguments"]}
        lines.add("response.function_call_arguments.done", done)
        lines.add("response.output_item.done", {**self._index, "item": item})

    def as_item(self) -> Item:
        arguments = "".join(self._arguments)
        head = {"id": self.item_id, "type": "function_call", "status": self.status}
        return {**head, **self._call, "arguments": arguments}


class CustomCallItem(_Placed):
    """A call of a custom tool, whose input is text."""

    def __init__(self, item_id: str, output_index: int, call_id: str, name: str) -> None:
        super().__init__(item_id, output_index)
        self._call = {"call_id": call_id, "name": name}
        self._input = CustomInput()
        self._delta = Delta("response.custom_tool_call_input.delta", self._at)

    def open(self, lines: EventLines) -> None:
        lines.add("response.output_item.added", {**self._index, "item": self.as_item()})

    def add(self, lines: EventLines, arguments: str) -> None:
        """Add to the arguments of the function that stands for the tool."""
        if text := self._input.feed(arguments):
            lines.add_delta(self._delta, text)

    def close(self, lines: EventLines, status: str) -> None:
        self.status = status
        if text := self._input.finish():
            lines.add_delta(self._delta, text)
        item = self.as_item()
        lines.add("response.custom_tool_call_input.done", {**self._at, "input": item["input"]})
        lines.add("response.output_item.done", {**self._index, "item": item})

    def as_item(self) -> Item:
        head = {"id": self.item_id, "type": "custom_tool_call", "status": self.status}
        return {**head, **self._call, "input": self._input.text}
