"""Grammars of answers whose thoughts, words and calls stand between markers."""

from __future__ import annotations

from workers.chat.formats.chat_format import CallKind, ChatFormat
from workers.chat.grammar.builder import (
    SPACE,
    GrammarBuilder,
    Literal,
    Symbol,
    joined,
    quoted_expression,
)
from workers.chat.grammar.call_bodies import JsonSchema, call_bodies
from workers.chat.grammar.rules import MAX_CALLS, AnswerRules


class MarkedAnswers:
    """Makes the rules of the answers of one request."""

    def __init__(
        self, builder: GrammarBuilder, chat_format: ChatFormat, rules: AnswerRules, json_schema: JsonSchema
    ) -> None:
        self._builder = builder
        self._format = chat_format
        self._rules = rules
        self._json_schema = json_schema
        self._space = builder.terminal(SPACE)
        thought = chat_format.thought if rules.thinks or rules.opened else None
        self._thought_begin = builder.text(thought.begin.strip()) if thought is not None else []
        self._thought_end = thought.end.strip() if thought is not None else ""

    def start(self) -> str:
        """The body of the rule ``start``."""
        answer = self._answer()
        if not self._thought_end or not (self._rules.opened or self._thought_begin):
            return answer
        whole = self._builder.rule("answer", answer)
        rest = f"{self._builder.until(self._thought_end)} {self._space} {whole}"
        return rest if self._rules.opened else f"{joined(self._thought_begin)} {rest} | {whole}"

    def _answer(self) -> str:
        if not self._rules.functions or self._format.calls is None:
            return self._words_alone()
        opening, rest = self._calls()
        if self._rules.required:
            return f"{joined(opening)} {rest}"
        if self._rules.demanded is not None:
            return f"{joined(opening)} {rest} | {self._words_alone()}"
        return self._words_or_calls(opening, rest)

    def _words_alone(self) -> str:
        if self._rules.demanded is None:
            return self._words()
        begin, end = (self._builder.text(text.strip()) for text in (self._format.words.begin, self._format.words.end))
        return " ".join(map(str, [*begin, self._rules.demanded, *end]))

    def _words(self, *unlike: str) -> str:
        """Words between their markers, or words that match none of these expressions and begin like no thought."""
        if self._format.words.end.strip():
            begin = " ".join(map(str, self._builder.text(self._format.words.begin.strip())))
            return f"{begin} {self._builder.until(self._format.words.end.strip())}"
        avoided = [f"~/(?s:{expression})/" for expression in unlike]
        if self._thought_begin and isinstance(first := self._thought_begin[0], Literal) and not self._rules.opened:
            avoided.append(f"~/(?s:\\s*{quoted_expression(first.text)}.*)/")
        words = self._builder.rule("WORDS", " & ".join(["/(?s:.+)/", *avoided]))
        return f"{words}?"

    def _calls(self) -> tuple[list[Symbol], str]:
        """What begins the first call, and the rest of all calls."""
        calls, builder, space = self._format.calls, self._builder, self._space
        assert calls is not None
        call = call_bodies(builder, calls, self._rules.functions, self._json_schema)
        begin, end = builder.marker(calls.call.begin.lstrip()), builder.marker(calls.call.end.rstrip())
        spaced = [] if calls.exact else [space]
        several = self._rules.parallel and calls.parallel
        if calls.keys.array and calls.kind in (CallKind.JSON, CallKind.PYTHON):
            more = f'(", " {space} {call}){{0,{MAX_CALLS - 1}}}' if several else ""
            begin, body = [], f'"[" {space} {call} {more} {space} "]"'
        else:
            written = calls.exact or calls.separator.strip()
            separator = joined(builder.marker(calls.separator)) if written else str(space)
            more = f"({separator} {joined([*begin, call, *end])}){{0,{MAX_CALLS - 1}}}" if several else ""
            body = f"{joined([call, *end])} {more}"
        section_begin, section_end = (
            builder.marker(calls.section.begin.strip()),
            builder.marker(calls.section.end.strip()),
        )
        between = spaced if section_begin and begin else []
        after = joined([*spaced, *section_end]) if section_end else ""
        return [*section_begin, *between, *begin], f"{body} {after}"

    def _words_or_calls(self, opening: list[Symbol], rest: str) -> str:
        """Words, calls, or words and then calls, which their first marker announces."""
        if not opening:
            calls = self._builder.rule("calls", rest)
            return f"{calls} | {self._words(self._shape_of_calls())}"
        trigger = opening[0]
        calls = self._builder.rule("calls", f"{joined(opening[1:]) if opening[1:] else ''} {rest}")
        if self._format.words.end.strip():
            return f"{self._words()} {self._space} ({trigger} {calls})? | {trigger} {calls}"
        if not isinstance(trigger, Literal):  # a special token, which no expression matches
            return f"{self._words()} ({trigger} {calls})?"
        quoted = quoted_expression(trigger.text)
        avoided = ""
        if self._thought_begin and isinstance(first := self._thought_begin[0], Literal) and not self._rules.opened:
            avoided = f" & ~/(?s:\\s*{quoted_expression(first.text)}.*)/"
        announced = self._builder.rule("ANNOUNCED", f"/(?s:.*){quoted}/{avoided}")
        lead = self._builder.rule("announced", str(announced), "lazy")
        return f"{self._words(f'.*{quoted}.*')} | {lead} {calls}"

    def _shape_of_calls(self) -> str:
        """An expression of texts that begin like a call without markers."""
        calls = self._format.calls
        assert calls is not None
        if calls.kind is CallKind.PYTHON:
            return r"\s*\[[A-Za-z_].*"  # one character more than a call's first piece, which must win
        if calls.kind is CallKind.NAMED_JSON:
            return rf"\s*(?:{'|'.join(quoted_expression(name) for name in self._rules.functions)})\s.*"
        key = calls.keys.inside or next(iter(calls.keys.more), calls.keys.name)
        return rf"\s*\[?\s*\{{\s*\"{quoted_expression(key)}\".*"
