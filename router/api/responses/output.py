"""The output of a response, in the order in which the model wrote it: an item for each thought, words and call."""

from __future__ import annotations

from typing import Any

from router.api.responses.event_lines import EventLines
from router.api.responses.output_items import (
    COMPLETED,
    INCOMPLETE,
    CustomCallItem,
    FunctionCallItem,
    MessageItem,
    OutputItem,
    ReasoningItem,
)
from router.api.text.logprobs import chat_logprobs
from router.schemas.responses.ids import call_id, output_item_id
from router.schemas.responses.items import Item
from shared.wire.codec import Struct
from shared.wire.payloads import FinishReason, TokenLogprob, Tokens, ToolCallDelta


class OutputForm(Struct, frozen=True):
    """What of a request its output depends on.

    ``summary``: thoughts are told as summaries too. ``encrypted``: they are repeated as ``encrypted_content``.
    ``logprobs``: words have log probabilities. ``custom_tools`` are the names of tools whose input is text.
    """

    summary: bool = False
    encrypted: bool = False
    logprobs: bool = False
    custom_tools: list[str] = []


class Output:
    """Makes items of an answer's tokens, and the events that tell of them."""

    def __init__(self, answer_id: str, form: OutputForm, lines: EventLines) -> None:
        self._answer_id = answer_id
        self._form = form
        self._lines = lines
        self._items: list[OutputItem] = []
        self._message: MessageItem | None = None
        self._thought: ReasoningItem | None = None
        self._call: FunctionCallItem | CustomCallItem | None = None

    def add(self, tokens: Tokens) -> None:
        """Add what one step generated."""
        if self._message is not None and tokens.text and not (tokens.reasoning or tokens.logprobs or tokens.tool_calls):
            self._message.add(self._lines, tokens.text)  # by far the most frequent
            return
        if tokens.reasoning:
            thought = self._thought or self._open_thought()
            thought.add(self._lines, tokens.reasoning)
        with_logprobs = tokens.logprobs and self._form.logprobs and not tokens.reasoning
        if tokens.text or (with_logprobs and self._message is not None):
            message = self._message or self._open_message()
            if with_logprobs:
                message.add_with_logprobs(self._lines, tokens.text, _logprobs(tokens.logprobs))
            else:
                message.add(self._lines, tokens.text)
        for delta in tokens.tool_calls:
            self._add_call(delta)

    def finish(self, reason: FinishReason) -> None:
        """Close the last item. An answer that says nothing has an empty message."""
        cut_off = reason is FinishReason.LENGTH
        only_thoughts = all(isinstance(item, ReasoningItem) for item in self._items)
        if only_thoughts and not (self._items and cut_off):
            self._open_message()
        self._close(INCOMPLETE if cut_off else COMPLETED)

    def as_items(self) -> list[Item]:
        """The items as they are now."""
        return [item.as_item() for item in self._items]

    def break_off(self) -> list[Item]:
        """The items of an answer that failed, without further events."""
        lines, self._lines = self._lines, EventLines()
        self._close(INCOMPLETE)
        self._lines = lines
        return self.as_items()

    def _open_message(self) -> MessageItem:
        index = self._next_index()
        self._message = MessageItem(output_item_id(self._answer_id, "message", index), index)
        self._open(self._message)
        return self._message

    def _open_thought(self) -> ReasoningItem:
        index = self._next_index()
        item_id = output_item_id(self._answer_id, "reasoning", index)
        self._thought = ReasoningItem(item_id, index, self._form.summary, self._form.encrypted)
        self._open(self._thought)
        return self._thought

    def _add_call(self, delta: ToolCallDelta) -> None:
        if delta.name is not None or self._call is None:
            self._call = self._open_call(delta.index, delta.name or "")
        if delta.arguments:
            self._call.add(self._lines, delta.arguments)

    def _open_call(self, number: int, name: str) -> FunctionCallItem | CustomCallItem:
        index = self._next_index()
        kind = "custom_tool_call" if name in self._form.custom_tools else "function_call"
        make = CustomCallItem if name in self._form.custom_tools else FunctionCallItem
        item = make(output_item_id(self._answer_id, kind, index), index, call_id(self._answer_id, number), name)
        self._open(item)
        return item

    def _next_index(self) -> int:
        """The index of a new item; the one before is closed."""
        self._close(COMPLETED)
        return len(self._items)

    def _open(self, item: OutputItem) -> None:
        self._items.append(item)
        item.open(self._lines)

    def _close(self, status: str) -> None:
        item = self._message or self._thought or self._call
        self._message = self._thought = self._call = None
        if item is not None:
            item.close(self._lines, status)


def _logprobs(tokens: list[TokenLogprob]) -> list[Any]:
    content: list[Any] = chat_logprobs(tokens)["content"]
    return content
