"""Grammars of answers in parts, each with a header that says whom it is for."""

from __future__ import annotations

from workers.chat.formats.chat_format import ChatFormat, PartsFormat, Recipients
from workers.chat.formats.writing import call_header, part_header
from workers.chat.grammar.builder import ANY_TEXT, GrammarBuilder, joined
from workers.chat.grammar.call_bodies import JsonSchema, call_bodies
from workers.chat.grammar.rules import MAX_CALLS, AnswerRules


class PartAnswers:
    """Makes the rules of the answers of one request."""

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
        """The body of the rule ``start``."""
        answers = [self._calls()] if self._rules.functions else []
        if not (self._rules.required and answers):
            answers.append(self._words())
        return f"{self._thought()} ({' | '.join(answers)})"

    def _text(self, text: str) -> str:
        return joined(self._builder.text(text))

    def _header(self, recipient: str) -> str:
        return self._text(part_header(self._parts, recipient))

    def _thought(self) -> str:
        """A thought and the beginning of the next part, or nothing."""
        if not self._parts.thoughts or not self._rules.thinks:
            return ""
        thought = self._builder.until(self._parts.ends[0])
        return f"({self._header(self._parts.thoughts[0])} {thought} {self._text(self._parts.begin)})?"

    def _calls(self) -> str:
        calls = []
        for name in self._rules.functions:
            body = f"{self._text(call_header(self._parts, name))} {self._body(name)}"
            calls.append(self._builder.rule(self._builder.fresh("addressed"), body))
        call = self._builder.rule("addressed", " | ".join(map(str, calls)))
        if not self._rules.parallel:
            return str(call)
        end = "" if self._parts.recipients is Recipients.NAME else self._parts.ends[0]
        return f"{call} ({self._text(f'{end}{self._parts.begin}')} {call}){{0,{MAX_CALLS - 1}}}"

    def _body(self, name: str) -> str:
        """The arguments of a function, as JSON or in the format that calls have in parts."""
        parameters, calls, builder = self._rules.functions[name], self._format.calls, self._builder
        if calls is None:
            return str(builder.json(self._json_schema(parameters)))
        call = call_bodies(builder, calls, {name: parameters}, self._json_schema)
        begin = [*builder.marker(calls.section.begin), *builder.marker(calls.call.begin)]
        end = [*builder.marker(calls.call.end), *builder.marker(calls.section.end)]
        return joined([*begin, call, *end])

    def _words(self) -> str:
        if self._rules.demanded is not None:
            return f"{self._header(self._parts.words[0])} {self._rules.demanded}"
        return f"{self._header(self._parts.words[0])} {self._builder.terminal(ANY_TEXT)}?"
