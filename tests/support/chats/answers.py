"""Answers that a parser reads, whole and character by character."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.support.workers import chat_templates
from tests.support.workers.chat_templates import program
from workers.chat.message import message_of
from workers.chat.model_chat import ModelChat
from workers.chat.parsing.answer import AnswerParser
from workers.chat.parsing.parts import AnswerPart

TOOL = "get_weather"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "exact": {"type": "boolean"}},
}


@cache
def chat(source: str) -> ModelChat:
    """What is learnt of a template, once."""
    return ModelChat(program(source))


def read(parser: AnswerParser, pieces: list[str]) -> dict[str, Any]:
    """The message that the pieces make."""
    parts: list[AnswerPart] = []
    for piece in pieces:
        parts += parser.feed(piece)
    return message_of([*parts, *parser.finish()])


def answer(source: str, text: str, schemas: dict[str, Any] | None = None, **options: bool) -> dict[str, Any]:
    """The message of an answer, which must be the same when it comes character by character."""
    given = {TOOL: SCHEMA} if schemas is None else schemas
    chat_format = chat(source).format
    whole = read(AnswerParser(chat_format, given, **options), [text])
    assert read(AnswerParser(chat_format, given, **options), list(text)) == whole
    return whole


def calls_in(message: dict[str, Any]) -> list[tuple[str, Any]]:
    """The names and arguments of a message's calls."""
    calls = message.get("tool_calls", [])
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


HARMONY = "{# <|channel|>analysis commentary<|message|> #}" + chat_templates.PLAIN
BARE = '{"name": "get_weather", "parameters": {"days": 1}}'
