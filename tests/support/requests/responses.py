"""Responses put together from the events of their streams, as a client does it."""

from __future__ import annotations

from typing import Any

from tests.support.event_stream import events_in

Json = dict[str, Any]


class AssembledResponse:
    """What the events of a stream tell, checked for their order as they are read."""

    def __init__(self, text: str) -> None:
        self.events: list[Json] = []
        for sent in events_in(text):
            assert sent.kind == sent.json["type"]
            self.events.append(sent.json)
        self.output: list[Json] = []
        self._open: int | None = None
        self._part: Json | None = None
        assert [event["sequence_number"] for event in self.events] == list(range(len(self.events)))
        for event in self.events:
            self._read(event)
        assert self._open is None

    @property
    def types(self) -> list[str]:
        """The types of the events, without the deltas that follow another one."""
        types = [event["type"].removeprefix("response.") for event in self.events]
        return [kind for at, kind in enumerate(types) if at == 0 or kind != types[at - 1]]

    @property
    def response(self) -> Json:
        """The response in the last event."""
        found: Json = self.events[-1]["response"]
        return found

    def _read(self, event: Json) -> None:
        match event["type"].removeprefix("response."):
            case "output_item.added":
                assert self._open is None
                assert event["output_index"] == len(self.output)
                assert event["item"].get("status", "in_progress") == "in_progress"
                self._open = event["output_index"]
                self.output.append(event["item"])
            case "content_part.added":
                self._item(event)["content"].append(event["part"])
            case "reasoning_summary_part.added":
                self._item(event)["summary"].append(event["part"])
            case "output_text.delta":
                part = self._item(event)["content"][event["content_index"]]
                part["text"] += event["delta"]
                part["logprobs"] += event["logprobs"]
            case "reasoning_text.delta":
                self._item(event)["content"][event["content_index"]]["text"] += event["delta"]
            case "reasoning_summary_text.delta":
                self._item(event)["summary"][event["summary_index"]]["text"] += event["delta"]
            case "function_call_arguments.delta":
                self._item(event)["arguments"] += event["delta"]
            case "custom_tool_call_input.delta":
                self._item(event)["input"] += event["delta"]
            case "output_text.done" | "reasoning_text.done":
                assert event["text"] == self._item(event)["content"][event["content_index"]]["text"]
            case "reasoning_summary_text.done":
                assert event["text"] == self._item(event)["summary"][event["summary_index"]]["text"]
            case "content_part.done":
                assert event["part"] == self._item(event)["content"][event["content_index"]]
            case "reasoning_summary_part.done":
                assert event["part"] == self._item(event)["summary"][event["summary_index"]]
            case "function_call_arguments.done":
                assert event["arguments"] == self._item(event)["arguments"]
            case "custom_tool_call_input.done":
                assert event["input"] == self._item(event)["input"]
            case "output_item.done":
                self._close(event)

    def _close(self, event: Json) -> None:
        assert event["output_index"] == self._open
        done, told = event["item"], self.output[event["output_index"]]
        late = ("status", "encrypted_content")
        assert {**done, **dict.fromkeys(late)} == {**told, **dict.fromkeys(late)}
        self.output[event["output_index"]] = done
        self._open = None

    def _item(self, event: Json) -> Json:
        assert event["output_index"] == self._open
        item = self.output[event["output_index"]]
        assert event["item_id"] == item["id"]
        return item
