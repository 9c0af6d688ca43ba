"""The grammar of whole answers: thoughts, words, calls and JSON, in a model's own format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from workers.chat.formats.chat_format import ChatFormat
from workers.chat.formats.writing import WrittenCall, write_call_part, write_calls
from workers.chat.grammar.builder import GrammarBuilder, SpecialToken
from workers.chat.grammar.call_bodies import JsonSchema
from workers.chat.grammar.marked_answers import MarkedAnswers
from workers.chat.grammar.part_answers import PartAnswers
from workers.chat.grammar.rules import AnswerRules
from workers.chat.grammar.smallest import smallest

ShortArguments = Callable[[Any], dict[str, Any] | None]

MAX_TRIED = 4
"""Functions for which short arguments are looked for."""


@dataclass(frozen=True, slots=True)
class AnswerGrammar:
    """A Lark grammar (llguidance's dialect), and texts that may complete an answer, whatever came before."""

    text: str
    endings: list[str]


def answer_grammar(
    chat_format: ChatFormat,
    rules: AnswerRules,
    special_token: SpecialToken,
    special_texts: Sequence[str] = (),
    json_schema: JsonSchema = lambda schema: schema,
    short_arguments: ShortArguments = lambda parameters: smallest({"type": "object", **parameters}, parameters),
) -> AnswerGrammar:
    """The grammar of the answers that these rules allow.

    Args:
        chat_format: how the model writes.
        rules: what the answer may be.
        special_token: finds special tokens.
        special_texts: special tokens that may be in markers.
        json_schema: prepares the schema of a function's arguments, or of one of them.
        short_arguments: finds short arguments that fit a function's parameters, None if it finds none.
    """
    exact = chat_format.calls is not None and chat_format.calls.exact
    builder = GrammarBuilder(special_token, special_texts, exact)
    if chat_format.parts is not None:
        start = PartAnswers(builder, chat_format, chat_format.parts, rules, json_schema).start()
    else:
        start = MarkedAnswers(builder, chat_format, rules, json_schema).start()
    return AnswerGrammar(builder.grammar(start), _endings(chat_format, _short_call(rules, short_arguments)))


def _short_call(rules: AnswerRules, short_arguments: ShortArguments) -> WrittenCall | None:
    """A short call of the function that seems to need the least."""
    guesses = [
        (len(f"{name}{smallest({'type': 'object', **parameters}, parameters)}"), name)
        for name, parameters in rules.functions.items()
    ]
    for _, name in sorted(guesses)[:MAX_TRIED]:
        arguments = short_arguments(rules.functions[name])
        if arguments is not None:
            return WrittenCall(name, arguments, "call00000")
    return None


def _endings(chat_format: ChatFormat, call: WrittenCall | None) -> list[str]:
    """A call, alone and after the end of a thought, and that end."""
    texts = list[str]()
    if call is not None and chat_format.parts is not None:
        texts = [write_call_part(chat_format, chat_format.parts, call)]
    elif call is not None and chat_format.calls is not None:
        texts = [write_calls(chat_format.calls, [call])]
    end = chat_format.thought_end.strip()
    return [*texts, *(f"{end}{text}" for text in texts), end] if end else texts
