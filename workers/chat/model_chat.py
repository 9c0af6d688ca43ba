"""A model's side of a chat: the prompt that its template makes, and what its answers mean."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from workers.chat.fitting import ChatMessage, arguments_of, fit_messages, text_of, with_descriptions, with_plain_types
from workers.chat.formats.chat_format import ChatFormat
from workers.chat.formats.writing import WrittenCall, write_beginning, write_calls
from workers.chat.learning.learn import Learnt, Origin, learn
from workers.chat.learning.needs import Needs, learn_needs
from workers.chat.markup import Marks, Markup, SpecialTexts
from workers.chat.parsing.answer import AnswerParser
from workers.chat.program import ChatProgram, TemplateFailure, TemplateRefusal

TOOL_PROMPT = """You can call these functions, given as JSON schemas:
{tools}
For example, the message "Anna is 31 years old and lives in Rome" and a function Person give:
{example}
Call the function that fits the message, with values from the message."""
"""For templates without tools. Without the example, small models put a function's name into its arguments."""

_EXAMPLE = WrittenCall("Person", {"name": "Anna", "age": 31, "city": "Rome"})
_RESULT_MARKUP = "<tool_response></tool_response>"


@dataclass(frozen=True, slots=True)
class LearntChat:
    """What a template told: how the model writes, and in what form it takes messages."""

    learnt: Learnt
    needs: Needs

    @property
    def format(self) -> ChatFormat:
        """How the model writes."""
        return self.learnt.chat_format


def learn_chat(program: ChatProgram, ends: tuple[str, ...] = (), tokens: tuple[str, ...] = ()) -> LearntChat:
    """Learn from a template.

    Args:
        program: the template.
        ends: the texts of the tokens that end an answer.
        tokens: the texts of the model's other marker tokens.
    """
    learnt = learn(program.render, program.source, ends, tokens)
    calls_are_rendered = learnt.arguments is not None and learnt.origin is not Origin.OWN_PROMPT
    needs = learn_needs(program.render, learnt.arguments or "object", calls_are_rendered)
    if not calls_are_rendered and "tool" not in program.constants:  # it writes any role, but its model knows no results
        needs = replace(needs, results=False)
    return LearntChat(learnt, needs)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt.

    Attributes:
        pieces: its text, in pieces that must be tokenised apart: usually one, more if the request spells special
            tokens.
        opened: whether these end within a thought.
        thinks: whether a thought may come behind them.
        continued: the beginning of the answer in such pieces, which the model goes on with.
    """

    pieces: list[str]
    opened: bool = False
    thinks: bool = False
    continued: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join([*self.pieces, *self.continued])


class ModelChat:
    """Chats with one model.

    Args:
        program: its template.
        chat: what was learnt from it, if that is known.
        special: the texts of the model's special tokens, which are text in messages.
    """

    def __init__(self, program: ChatProgram, chat: LearntChat | None = None, special: SpecialTexts | None = None):
        self._program = program
        self.chat = chat or learn_chat(program)
        own = "".join(self.format.markers())
        self._markup = Markup(special or SpecialTexts(), program.source + own + _RESULT_MARKUP, program.constants)

    @property
    def learnt(self) -> Learnt:
        """What was learnt about answers."""
        return self.chat.learnt

    @property
    def needs(self) -> Needs:
        """What was learnt about messages."""
        return self.chat.needs

    @property
    def format(self) -> ChatFormat:
        """How the model writes."""
        return self.chat.format

    def prompt(
        self,
        messages: list[ChatMessage],
        tools: list[dict[str, Any]],
        options: dict[str, Any] | None = None,
        continues: bool = False,
    ) -> Prompt:
        """The prompt for the assistant's next turn, or for the rest of its last one if the answer ``continues`` that.

        Raises:
            TemplateRefusal: the template does not take the messages.
            TemplateFailure: the template went wrong.
            RecursionError: the arguments of a call are nested too deeply.
        """
        parsed = [_with_parsed_arguments(message) for message in messages]
        marks = self._markup.marks_for(parsed, tools, options)
        marked = [marks.message(message) for message in parsed]
        begun = marked.pop() if continues else None
        try:
            rendered = self._rendered(marked, marks.value(tools), marks.value(options or {}))
            pieces = marks.split(rendered)
            opened, closed = self._thought_state("".join(pieces))
            continued = [] if begun is None else self._beginning(begun, marks, opened)
        except (TemplateRefusal, TemplateFailure) as error:
            raise type(error)(marks.clean(str(error))) from None
        return Prompt(pieces, opened, self.format.thinks and not opened and not closed, continued)

    def parser(
        self, prompt: Prompt, tools: list[dict[str, Any]], keep_thoughts: bool = False, fenced: bool = False
    ) -> AnswerParser:
        """Reads the answer to a prompt; see :func:`answer_parser`."""
        return answer_parser(self.format, prompt, tools, keep_thoughts, fenced)

    def _rendered(self, messages: list[ChatMessage], tools: list[dict[str, Any]], options: dict[str, Any]) -> str:
        calls = self.format.calls
        if tools and not self.learnt.lists_tools and calls is not None:
            described = TOOL_PROMPT.format(
                tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools),
                example=write_calls(calls, [_EXAMPLE]).strip(),
            )
            messages = _with_system_text(messages, described)
        shown = tools if self.learnt.lists_tools else []
        try:
            return self._fitted(messages, shown, options)
        except TemplateRefusal:
            answered = list(_with_answered_results(messages))
            if len(answered) == len(messages):
                raise
        return self._fitted(answered, shown, options)

    def _fitted(self, messages: list[ChatMessage], tools: list[dict[str, Any]], options: dict[str, Any]) -> str:
        fitted = fit_messages(messages, self.needs, self.format.calls, self.learnt.reasoning_key, tools=bool(tools))
        return render_tools(self._program, fitted, tools, True, options)

    def _beginning(self, message: ChatMessage, marks: Marks, opened: bool) -> list[str]:
        """An assistant's message as the beginning of an answer."""
        thought = message.get("reasoning_content") or message.get("reasoning") or ""
        if thought and not self.format.thinks:
            raise TemplateRefusal("the model does not think, so no thought can be continued")
        text = write_beginning(self.format, thought, text_of(message.get("content")), opened)
        return marks.split(text) if text else []

    def _thought_state(self, prompt: str) -> tuple[bool, bool]:
        """Whether a prompt ends within a thought, and whether it ends behind one."""
        thought = self.format.thought
        if thought is None:
            return False, False
        begin, end, shown = thought.begin.strip(), thought.end.strip(), prompt.rstrip()
        if begin and shown.endswith(begin):
            return True, False
        closed = bool(end) and shown.endswith(end)
        return not begin and not closed, closed


def render_tools(
    program: ChatProgram,
    messages: list[ChatMessage],
    tools: list[dict[str, Any]],
    asks: bool,
    options: dict[str, Any] | None = None,
) -> str:
    """The messages and tools by a template. Tools that it fails on are made plainer."""
    shapes = [tools]
    if tools:
        shapes += [[with_descriptions(tool) for tool in tools], [with_plain_types(tool) for tool in tools]]
    for shape in shapes[:-1]:
        with contextlib.suppress(TemplateFailure):
            return program.render(messages, shape, asks, options)
    return program.render(messages, shapes[-1], asks, options)


def answer_parser(
    chat_format: ChatFormat,
    prompt: Prompt,
    tools: list[dict[str, Any]],
    keep_thoughts: bool = False,
    fenced: bool = False,
) -> AnswerParser:
    """Reads the answer to a prompt (see :class:`AnswerParser`). What the prompt has of it is read already."""
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in tools}
    parser = AnswerParser(chat_format, schemas, prompt.opened, keep_thoughts, fenced)
    if prompt.continued:
        parser.begin("".join(prompt.continued))
    return parser


def _with_parsed_arguments(message: ChatMessage) -> ChatMessage:
    """The message with the arguments of its calls as objects."""
    if not message.get("tool_calls"):
        return message
    calls = [
        {**call, "function": {**call["function"], "arguments": arguments_of(call)}} for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}


def _with_answered_results(messages: list[ChatMessage]) -> Iterator[ChatMessage]:
    """The messages, with a word of the assistant's between results and what the user says behind them."""
    last = ""
    for message in messages:
        if last in ("tool", "function") and message["role"] == "user":
            yield {"role": "assistant", "content": "OK."}
        yield message
        last = message["role"]


def _with_system_text(messages: list[ChatMessage], text: str) -> list[ChatMessage]:
    at = 0
    while at < len(messages) and messages[at]["role"] in ("system", "developer"):
        at += 1
    return [*messages[:at], {"role": "system", "content": text}, *messages[at:]]
