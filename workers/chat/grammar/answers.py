"""The grammar of whole answers: thoughts, words, calls and JSON, in a model's own format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.chat.formats.chat_format import CallFormat, CallKind, ChatFormat, PartsFormat, Recipients
from workers.chat.grammar.builder import (
    ANY_TEXT,
    SPACE,
    GrammarBuilder,
    Literal,
    SpecialToken,
    Symbol,
    joined,
    quoted_expression,
)
from workers.chat.grammar.call_bodies import JsonSchema, call_bodies

MAX_CALLS = 16
"""Maximum number of calls in one answer. Some models would never stop calling."""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """What an answer may be.

    Attributes:
        functions: the parameters of the functions that may be called, by name.
        parallel: more than one call may be made.
        required: a call must be made.
        schema: the schema of an answer without calls; None for free words.
        opened: the prompt ended within a thought.
        thinks: a thought may come first.
    """

    functions: Mapping[str, Any] = field(default_factory=dict)
    parallel: bool = True
    required: bool = False
    schema: Any = None
    opened: bool = False
    thinks: bool = True


def answer_grammar(
    chat_format: ChatFormat,
    rules: AnswerRules,
    special_token: SpecialToken,
    special_texts: Sequence[str] = (),
    json_schema: JsonSchema = lambda schema: schema,
) -> str:
    """A Lark grammar (llguidance's dialect) of the answers that these rules allow.

    Args:
        chat_format: how the model writes.
        rules: what the answer may be.
        special_token: finds special tokens.
        special_texts: special tokens that may be in markers.
        json_schema: prepares the schema of a function's arguments, or of one of them.
    """
    builder = GrammarBuilder(special_token, special_texts)
    if chat_format.parts is not None:
        return builder.grammar(_Parts(builder, chat_format, chat_format.parts, rules, json_schema).start())
    return builder.grammar(_Answer(builder, chat_format, rules, json_schema).start())


class _Answer:
    """Answers with markers."""

    def __init__(
        self, builder: GrammarBuilder, chat_format: ChatFormat, rules: AnswerRules, json_schema: JsonSchema
    ) -> None:
        self._builder = builder
        self._format = chat_format
        self._rules = rules
        self._json_schema = json_schema
        self._space = builder.terminal(SPACE)

    def start(self) -> str:
        thought, begin = self._thought()
        answer = self._answer(begin)
        if not thought:
            return answer
        self._builder.rule("answer", answer)
        if self._rules.opened:
            return (
                f"{thought} {self._space} after_thought" if self._after_thought() else f"{thought} {self._space} answer"
            )
        return f"{thought} {self._space} answer | answer"

    def _after_thought(self) -> bool:
        return False

    def _thought(self) -> tuple[str, list[Symbol]]:
        """A thought, and the marker that begins it if the prompt has not."""
        thought = self._format.thought
        if thought is None or not thought.end.strip() or not (self._rules.thinks or self._rules.opened):
            return "", []
        end = self._builder.until(thought.end.strip())
        if self._rules.opened:
            return str(end), []
        begin = self._builder.text(thought.begin.strip())
        return (f"{joined(begin)} {end}", begin) if begin else ("", [])

    def _answer(self, thought_begin: list[Symbol]) -> str:
        calls = self._calls() if self._rules.functions and self._format.calls is not None else None
        if calls is None:
            return self._words_alone(thought_begin)
        trigger, rest = calls
        if self._rules.required:
            return f"{joined([trigger] if trigger else [])} {rest}"
        if self._rules.schema is not None:
            return f"{joined([trigger] if trigger else [])} {rest} | {self._words_alone(thought_begin)}"
        return self._words_or_calls(trigger, rest, thought_begin)

    def _words_alone(self, thought_begin: list[Symbol]) -> str:
        begin, end = self._wrapping()
        if self._rules.schema is not None:
            return f"{begin} {self._builder.json(self._rules.schema)} {end}"
        return f"{begin} {self._free_words('', thought_begin)} {end}"

    def _wrapping(self) -> tuple[str, str]:
        words = self._format.words
        begin, end = self._builder.text(words.begin.strip()), self._builder.text(words.end.strip())
        return (joined(begin) if begin else ""), (joined(end) if end else "")

    def _free_words(self, stop: str, thought_begin: list[Symbol]) -> str:
        """Words without the text ``stop``, and which do not begin like a thought."""
        avoided = [f"~/(?s:.*{quoted_expression(stop)}.*)/"] if stop else []
        if thought_begin and isinstance(thought_begin[0], Literal):
            avoided.append(f"~/(?s:\\s*{quoted_expression(thought_begin[0].text)}.*)/")
        words = self._builder.rule("WORDS", " & ".join(["/(?s:.+)/", *avoided]))
        return f"{words}?"

    def _calls(self) -> tuple[Symbol | None, str]:
        """The first symbol of all calls, which triggers them, and what follows."""
        calls = self._format.calls
        assert calls is not None
        builder, space = self._builder, self._space
        call = call_bodies(builder, calls, self._rules.functions, self._json_schema)
        begin, end = builder.marker(calls.call.begin.lstrip()), builder.marker(calls.call.end.rstrip())
        one = joined([*begin, call, *end])
        first = joined([call, *end])
        if calls.keys.array and calls.kind in (CallKind.JSON, CallKind.PYTHON):
            more = f'("," {space} {call}){{0,{MAX_CALLS - 1}}}' if self._rules.parallel else ""
            first, begin = f'"[" {space} {call} {space} {more} {space} "]"', []
        elif self._rules.parallel and calls.parallel:
            separator = joined(builder.marker(calls.separator)) if calls.separator.strip() else str(space)
            first = f"{first} ({separator} {one}){{0,{MAX_CALLS - 1}}}"
        opening = [*builder.marker(calls.section.begin.strip()), *begin]
        if calls.section.begin.strip() and begin:
            opening = [*builder.marker(calls.section.begin.strip()), space, *begin]
        closing = builder.marker(calls.section.end.strip())
        ending = f"{first} {space} {joined(closing)}" if closing else first
        if not opening:
            return None, ending
        return opening[0], f"{joined(opening[1:]) if opening[1:] else ''} {ending}"

    def _words_or_calls(self, trigger: Symbol | None, rest: str, thought_begin: list[Symbol]) -> str:
        begin, end = self._wrapping()
        builder = self._builder
        builder.rule("calls", rest if trigger is None or not isinstance(trigger, Literal) else rest)
        if trigger is None:
            calls = self._format.calls
            assert calls is not None
            return f"calls | {begin} {self._unlike_calls(calls, thought_begin)} {end}"
        if isinstance(trigger, Literal):
            return self._with_text_trigger(trigger, thought_begin)
        if begin or end:
            words = f"{begin} {self._free_words('', thought_begin)} {end}"
            return f"{words} {self._space} {trigger} calls | {words} | {trigger} calls"
        return f"{self._free_words('', thought_begin)} ({trigger} calls)?"

    def _unlike_calls(self, calls: CallFormat, thought_begin: list[Symbol]) -> str:
        """Words that do not begin like a call without markers."""
        if calls.kind is CallKind.PYTHON:
            shape = r"\s*\[[A-Za-z_][\w.]*\("
        else:
            key = calls.keys.inside or next(iter(calls.keys.more), calls.keys.name)
            shape = rf"\s*\[?\s*\{{\s*\"{quoted_expression(key)}\""
        avoided = [f"~/(?s:{shape}.*)/"]
        if thought_begin and isinstance(thought_begin[0], Literal):
            avoided.append(f"~/(?s:\\s*{quoted_expression(thought_begin[0].text)}.*)/")
        return f"{self._builder.rule('WORDS', ' & '.join(['/(?s:.+)/', *avoided]))}?"

    def _with_text_trigger(self, trigger: Literal, thought_begin: list[Symbol]) -> str:
        """Words to the lazily found trigger, then calls, or words without it."""
        quoted = quoted_expression(trigger.text)
        avoided = ""
        if thought_begin and isinstance(thought_begin[0], Literal):
            avoided = f" & ~/(?s:\\s*{quoted_expression(thought_begin[0].text)}.*)/"
        lead = self._builder.rule("words_and_trigger", "WORDS_AND_TRIGGER", "lazy")
        self._builder.rule("WORDS_AND_TRIGGER", f"/(?s:.*){quoted}/{avoided}")
        return f"{self._free_words(trigger.text, thought_begin)} | {lead} calls"


class _Parts:
    """Answers in parts with recipients."""

    def __init__(
        self,
        builder: GrammarBuilder,
        chat_format: ChatFormat,
        parts: PartsFormat,
        rules: AnswerRules,
        json_schema: JsonSchema,
    ) -> None:
        self._builder = builder
        self._format = chat_format
        self._parts = parts
        self._rules = rules
        self._json_schema = json_schema

    def start(self) -> str:
        thoughts = self._thoughts()
        calls = self._calls() if self._rules.functions else []
        final = [] if self._rules.required and calls else self._final()
        alternatives = " | ".join([*calls, *final])
        return f"{thoughts} ({alternatives})"

    def _text(self, text: str) -> str:
        symbols = self._builder.text(text)
        return joined(symbols) if symbols else ""

    def _between(self) -> str:
        """The end of a part, and the beginning of the next."""
        return self._text(f"{self._parts.ends[0]}{self._parts.begin}") if self._parts.ends[0] else ""

    def _header(self, recipient: str, call: bool = False) -> str:
        match self._parts.recipients:
            case Recipients.CHANNELS if call:
                return (
                    f"<|channel|>commentary to={self._parts.prefix}{recipient} <|constrain|>json{self._parts.message}"
                )
            case Recipients.CHANNELS:
                return f"<|channel|>{recipient}{self._parts.message}"
            case Recipients.TO:
                return f" to={recipient}{self._parts.message}"
        return f"{recipient}{self._parts.message}"

    def _thoughts(self) -> str:
        if not self._parts.thoughts or not self._rules.thinks:
            return ""
        text = self._builder.until(self._parts.ends[0])
        return f"({self._text(self._header(self._parts.thoughts[0]))} {text} {self._text(self._parts.begin)})?"

    def _calls(self) -> list[str]:
        written = []
        for name, parameters in self._rules.functions.items():
            if self._format.calls is None:
                body = str(self._builder.json(self._json_schema(parameters)))
            else:
                single = GrammarBuilderOf(self._builder).calls(
                    self._format.calls, {name: parameters}, self._json_schema
                )
                body = single
            rule = self._builder.rule(
                self._builder.fresh("addressed"), f"{self._text(self._header(name, call=True))} {body}"
            )
            written.append(str(rule))
        call = self._builder.rule("addressed", " | ".join(written))
        if not self._rules.parallel:
            return [str(call)]
        between = self._between() if self._parts.recipients is not Recipients.NAME else self._text(self._parts.begin)
        return [f"{call} ({between} {call}){{0,{MAX_CALLS - 1}}}"]

    def _final(self) -> list[str]:
        header = self._text(self._header(self._parts.words[0]))
        if self._rules.schema is not None:
            return [f"{header} {self._builder.json(self._rules.schema)}"]
        return [f"{header} {self._builder.terminal(ANY_TEXT)}?"]


class GrammarBuilderOf:
    """Calls in the body of a part."""

    def __init__(self, builder: GrammarBuilder) -> None:
        self._builder = builder

    def calls(self, calls: CallFormat, functions: Mapping[str, Any], json_schema: JsonSchema) -> str:
        """The calls with the markers around them."""
        builder = self._builder
        call = call_bodies(builder, calls, functions, json_schema)
        own = builder.rule(builder.fresh("body"), str(call))
        begin = [*builder.marker(calls.section.begin), *builder.marker(calls.call.begin)]
        end = [*builder.marker(calls.call.end), *builder.marker(calls.section.end)]
        return joined([*begin, own, *end])


Maker = Callable[[ChatFormat, AnswerRules], str]
