"""One answer of a chat, shown as it comes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self

from router.cli.talking.conversation import Conversation, ThoughtStyle
from router.cli.talking.terminal import DIM, ScreenOutput
from router.client.connection import ServerClient
from router.client.errors import well_formed

CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """What was shown of an answer. ``finish`` is OpenAI's ``finish_reason``, empty if it was stopped."""

    text: str
    finish: str


@dataclass(frozen=True, slots=True)
class _ChatDelta:
    thought: str
    words: str
    finish: str

    @classmethod
    def of(cls, choice: dict[str, Any]) -> Self:
        delta = choice["delta"]
        found = (delta.get("reasoning_content"), delta.get("content"), choice.get("finish_reason"))
        return cls(*(one if isinstance(one, str) else "" for one in found))


class AnswerPrinter:
    """Shows the deltas of one answer: thoughts dimmed, or as one line that says how long they took, then the words."""

    def __init__(self, output: ScreenOutput, thoughts: ThoughtStyle) -> None:
        self.text = ""
        self.finish = ""
        self._output = output
        self._style = thoughts if output.is_terminal else ThoughtStyle.HIDE
        self._thinking_since_s: float | None = None

    def show(self, chunk: dict[str, Any]) -> None:
        """Show one chunk of the stream.

        Raises:
            AnswerMalformed: it is none.
        """
        with well_formed():
            deltas = [_ChatDelta.of(choice) for choice in chunk.get("choices", [])]
        for delta in deltas:
            self._think(delta.thought)
            self._say(delta.words)
            self.finish = delta.finish or self.finish

    def end(self) -> None:
        """End the line of the answer, and the thought, if that was all."""
        self._end_thought()
        self._output.end_line()

    def _think(self, thought: str) -> None:
        if not thought:
            return
        if self._thinking_since_s is None:
            self._thinking_since_s = time.monotonic()
        if self._style is ThoughtStyle.SHOW:
            self._output.write(thought, DIM)
        else:
            self._output.notice("thinking …")

    def _say(self, words: str) -> None:
        if words:
            self._end_thought()
            self.text += words
            self._output.write(words)

    def _end_thought(self) -> None:
        if self._thinking_since_s is None:
            return
        took_s, self._thinking_since_s = time.monotonic() - self._thinking_since_s, None
        if self._style is ThoughtStyle.FOLD:
            self._output.write(f"[thought for {took_s:.0f} s]\n\n", DIM)
        elif self._style is ThoughtStyle.SHOW:
            self._output.end_line()
            self._output.write("\n")


def answer(
    client: ServerClient, conversation: Conversation, output: ScreenOutput, thoughts: ThoughtStyle, interruptible: bool
) -> ShownAnswer:
    """Ask for the next answer of ``conversation``, and show it; Ctrl-C stops it, here and on the server.

    What has come is added to the conversation. If not ``interruptible``, the interrupt is passed on after that.

    Raises:
        ServerUnreachable, RequestRefused, StreamLost: there is no answer, or only the shown part of one.
        KeyboardInterrupt: it was not ``interruptible``, or there was a second one.
    """
    stream = client.stream(CHAT_PATH, conversation.request(), on_notice=output.notice)
    printer = AnswerPrinter(output, thoughts)
    output.notice("waiting …")
    try:
        for event in stream:
            printer.show(event.json)
    except KeyboardInterrupt:
        printer.finish = ""
        stream.cancel()
        if not interruptible:
            raise
    except OSError:  # nobody reads what is written
        stream.cancel()
        raise
    finally:
        printer.end()
        conversation.answer(printer.text)
    return ShownAnswer(printer.text, printer.finish)
