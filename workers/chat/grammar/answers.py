"""The grammar of whole answers: thoughts, words, calls and JSON, in a model's own format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.chat.formats.chat_format import ChatFormat
from workers.chat.formats.writing import WrittenCall, write_calls
from workers.chat.grammar.builder import GrammarBuilder, SpecialToken
from workers.chat.grammar.call_bodies import JsonSchema
from workers.chat.grammar.marked_answers import MarkedAnswers
from workers.chat.grammar.part_answers import PartAnswers
from workers.chat.grammar.rules import AnswerRules
from workers.chat.grammar.smallest import smallest


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
) -> AnswerGrammar:
    """The grammar of the answers that these rules allow.

    Args:
        chat_format: how the model writes.
        rules: what the answer may be.
        special_token: finds special tokens.
        special_texts: special tokens that may be in markers.
        json_schema: prepares the schema of a function's arguments, or of one of them.
    """
    exact = chat_format.calls is not None and chat_format.calls.exact
    builder = GrammarBuilder(special_token, special_texts, exact)
    if chat_format.parts is not None:
        start = PartAnswers(builder, chat_format, chat_format.parts, rules, json_schema).start()
    else:
        start = MarkedAnswers(builder, chat_format, rules, json_schema).start()
    return AnswerGrammar(builder.grammar(start), _endings(chat_format, rules))


def _endings(chat_format: ChatFormat, rules: AnswerRules) -> list[str]:
    """A short call, alone and after the end of a thought."""
    calls = [
        WrittenCall(name, smallest({"type": "object", **parameters}, parameters), "call00000")
        for name, parameters in rules.functions.items()
    ]
    shortest = min(calls, key=lambda call: len(str(call)), default=None)
    texts = list[str]()
    if shortest is not None and chat_format.calls is not None:
        texts = [write_calls(chat_format.calls, [shortest])]
    if chat_format.thought is not None and chat_format.thought.end.strip():
        texts = [*texts, *(chat_format.thought.end.strip() + text for text in texts), chat_format.thought.end.strip()]
    return texts
