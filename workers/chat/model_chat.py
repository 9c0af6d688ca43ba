"""A model's side of a chat: the prompt that its template makes, and what its answers mean."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from workers.chat.fitting import ChatMessage, fit_messages, with_descriptions
from workers.chat.formats.chat_format import ChatFormat
from workers.chat.formats.writing import WrittenCall, write_calls
from workers.chat.learning.learn import Learnt, Origin, learn
from workers.chat.learning.needs import Needs, learn_needs
from workers.chat.parsing.answer import AnswerParser
from workers.chat.program import ChatProgram, TemplateFailure

TOOL_PROMPT = """You can call these functions, given as JSON schemas:
{tools}
For example, the message "Anna is 31 years old and lives in Rome" and a function Person give:
{example}
Call the function that fits the message, with values from the message."""
"""For templates without tools. Without the example, small models put a function's name into its arguments."""

_EXAMPLE = WrittenCall("Person", {"name": "Anna", "age": 31, "city": "Rome"})


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, and whether it ends within a thought."""

    text: str
    opened: bool


class ModelChat:
    """Chats with one model.

    Args:
        program: its template.
        ends: the texts of the tokens that end an answer.
        tokens: the texts of its other marker tokens.
    """

    def __init__(self, program: ChatProgram, ends: tuple[str, ...] = (), tokens: tuple[str, ...] = ()) -> None:
        self._program = program
        self.learnt: Learnt = learn(program.render, program.source, ends, tokens)
        calls_are_rendered = self.learnt.arguments is not None and self.learnt.origin is not Origin.OWN_PROMPT
        self.needs: Needs = learn_needs(program.render, self.learnt.arguments or "object", calls_are_rendered)

    @property
    def format(self) -> ChatFormat:
        """How the model writes."""
        return self.learnt.chat_format

    def prompt(
        self,
        messages: list[ChatMessage],
        tools: list[dict[str, Any]],
        options: dict[str, Any] | None = None,
    ) -> Prompt:
        """The prompt for the assistant's next turn.

        Raises:
            TemplateRefusal: the template does not take the messages.
            TemplateFailure: the template went wrong.
        """
        calls = self.format.calls
        if tools and not self.learnt.lists_tools and calls is not None:
            described = TOOL_PROMPT.format(
                tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools),
                example=write_calls(calls, [_EXAMPLE]).strip(),
            )
            messages = _with_system_text(messages, described)
        fitted = fit_messages(messages, self.needs, calls, self.learnt.reasoning_key)
        shown = tools if self.learnt.lists_tools else []
        try:
            text = self._program.render(fitted, shown, True, options)
        except TemplateFailure:
            if not shown:
                raise
            text = self._program.render(fitted, [with_descriptions(tool) for tool in shown], True, options)
        return Prompt(text, self._opens_thought(text))

    def parser(
        self, prompt: Prompt, tools: list[dict[str, Any]], keep_thoughts: bool = False, fenced: bool = False
    ) -> AnswerParser:
        """Reads the answer to a prompt (see :class:`AnswerParser`)."""
        schemas = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in tools}
        return AnswerParser(self.format, schemas, prompt.opened, keep_thoughts, fenced)

    def _opens_thought(self, prompt: str) -> bool:
        thought = self.format.thought
        if thought is None:
            return False
        begin, end, shown = thought.begin.strip(), thought.end.strip(), prompt.rstrip()
        return shown.endswith(begin) if begin else not (end and shown.endswith(end))


def _with_system_text(messages: list[ChatMessage], text: str) -> list[ChatMessage]:
    at = 0
    while at < len(messages) and messages[at]["role"] in ("system", "developer"):
        at += 1
    return [*messages[:at], {"role": "system", "content": text}, *messages[at:]]
