"""Whether calls that a template renders are read back as they were."""

from __future__ import annotations

import json
import random
from typing import Any

from scripts.formats.chats import Message, call
from scripts.formats.values import RandomCall, random_call
from workers.chat.fitting import fit_messages
from workers.chat.learning.cutting import Cutter
from workers.chat.learning.thoughts import without_thought
from workers.chat.message import message_of
from workers.chat.model_chat import ModelChat, render_tools
from workers.chat.parsing.answer import AnswerParser
from workers.chat.program import ChatProgram, TemplateFailure, TemplateRefusal

_ASKED = "Uask7k"
_IDS = ("a1b2c3d4e", "f5g6h7i8j")
_OPTIONS: tuple[dict[str, Any], ...] = ({}, {"enable_thinking": True}, {"enable_thinking": False})


class RoundTrip:
    """Renders random calls with one template, and reads them."""

    def __init__(self, program: ChatProgram, chat: ModelChat) -> None:
        self._program = program
        self._chat = chat

    def fault(self, kind: str, draw: random.Random) -> str | None:
        """What became of one or two random calls with values of a kind; None if they are the same."""
        parallel = self._chat.format.calls is None or self._chat.format.calls.parallel
        calls = [random_call(draw, kind)]
        if parallel and draw.random() < 0.3:
            calls.append(RandomCall("other_one", random_call(draw, kind).arguments))
        tools = [call.tool for call in calls]
        try:
            text = self._answer(calls, tools)
        except (TemplateRefusal, TemplateFailure) as error:
            return f"{type(error).__name__}: {error}"
        wanted = [(call.name, call.arguments) for call in calls]
        for pieces in ([text], list(text)):
            if (found := self._read(pieces, tools)) != wanted:
                return f"{text!r}: expected {wanted}, got {found}"
        return None

    def _answer(self, calls: list[RandomCall], tools: list[dict[str, Any]]) -> str:
        """What the template makes of an answer with these calls, from behind the prompt on."""
        made = [
            call(wanted.name, json.dumps(wanted.arguments), identifier)
            for wanted, identifier in zip(calls, _IDS, strict=False)
        ]
        messages: list[Message] = [
            {"role": "user", "content": _ASKED},
            {"role": "assistant", "content": None, "tool_calls": made},
        ]
        chat = self._chat
        fitted = fit_messages(messages, chat.needs, chat.format.calls, chat.learnt.reasoning_key)
        shown = tools if chat.learnt.lists_tools else []
        answer = render_tools(self._program, fitted, shown, False).rpartition(_ASKED)[2]
        heads = (
            render_tools(self._program, fitted[:1], shown, True, options).rpartition(_ASKED)[2] for options in _OPTIONS
        )
        shared = max((Cutter().common_begin(answer, head) for head in heads), key=len)
        return without_thought(answer[len(shared) :], chat.format.thought)

    def _read(self, pieces: list[str], tools: list[dict[str, Any]]) -> list[tuple[str, Any]] | str:
        schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools}
        parser = AnswerParser(self._chat.format, schemas)
        message = message_of([part for piece in pieces for part in parser.feed(piece)] + parser.finish())
        functions = [call["function"] for call in message.get("tool_calls", [])]
        try:
            return [(function["name"], json.loads(function["arguments"])) for function in functions]
        except ValueError:
            return f"arguments that are no JSON: {functions}"
