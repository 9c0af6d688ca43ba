"""Reads GBNF, llama.cpp's format of grammars.

The format is described in llama.cpp's ``grammars/README.md``. What its parser accepts is accepted here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

MAX_REPETITIONS = 2_000
"""llama.cpp's limit: more at least are refused, more at most count as any number."""

MAX_SHOWN_CHARACTERS = 20
"""Of the place of an error."""

MAX_DIGITS = 18
"""Of a number; what follows only makes it larger, and it is too large already."""

ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}
HEX_DIGITS = {"x": 2, "u": 4, "U": 8}

_RULE = re.compile(r"^[ \t]*[\w-]+[ \t]*::=", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_NEWLINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_NUMBER = re.compile(r"[0-9]+")
_LINE_END = re.compile(r"\r\n|\r|\n")


class GbnfError(ValueError):
    """A grammar is not GBNF: the line, what was expected there and what was found."""


@dataclass(frozen=True)
class Characters:
    """One character within the ranges, or outside them."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False


@dataclass(frozen=True)
class Token:
    """A token by its id or its text, or any other token. ``at`` is its place in the grammar."""

    name: int | str
    negated: bool
    at: int


@dataclass(frozen=True)
class Reference:
    """A rule by its name. ``at`` is its place in the grammar."""

    name: str
    at: int


@dataclass(frozen=True)
class Joined:
    """Items one after another; none is the empty text."""

    items: tuple[Item, ...]


@dataclass(frozen=True)
class Alternatives:
    """One of several alternatives."""

    options: tuple[Item, ...]


@dataclass(frozen=True)
class Repeated:
    """An item from ``least`` to ``most`` times; None is any number."""

    item: Item
    least: int
    most: int | None


Item: TypeAlias = "Characters | Token | Reference | Joined | Alternatives | Repeated"


def is_gbnf(text: str) -> bool:
    """Whether a text defines a rule in the manner of GBNF."""
    return _RULE.search(text) is not None


def parse_gbnf(text: str) -> dict[str, Item]:
    """The rules of a grammar by their names. Of several definitions of a rule the last one counts.

    Raises:
        GbnfError: the grammar is wrong, is nested too deeply, has no rule ``root``, or names a rule that it does not
            define.
    """
    parser = _Parser(text)
    try:
        rules = parser.rules()
    except RecursionError:
        raise too_deep() from None
    if "root" not in rules:
        raise GbnfError("expected a rule 'root', got none")
    for reference in parser.references:
        if reference.name not in rules:
            line = line_at(text, reference.at)
            raise GbnfError(f"line {line}: expected a rule that the grammar has, got '{reference.name}'")
    return rules


def line_at(text: str, at: int) -> int:
    """The number of the line of a place in ``text``, from 1."""
    return 1 + len(_LINE_END.findall(text, 0, at))


def too_deep() -> GbnfError:
    """The error for a grammar with groups, or signs such as ``*``, within each other hundreds of times."""
    return GbnfError("expected groups and repetitions nested less deeply")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.references: list[Reference] = []

    def rules(self) -> dict[str, Item]:
        rules: dict[str, Item] = {}
        self._skip_space(newlines=True)
        while self._at < len(self._text):
            name = self._match(_NAME, "the name of a rule")
            self._skip_space(newlines=False)
            self._take("::=")
            self._skip_space(newlines=True)
            rules[name] = self._choice(nested=False)
            if self._at < len(self._text) and self._next not in "\r\n":
                self._fail("a symbol or the end of the line")
            self._skip_space(newlines=True)
        return rules

    def _choice(self, nested: bool) -> Item:
        alternatives = [self._sequence(nested)]
        while self._next == "|":
            self._at += 1
            self._skip_space(newlines=True)
            alternatives.append(self._sequence(nested))
        return alternatives[0] if len(alternatives) == 1 else Alternatives(tuple(alternatives))

    def _sequence(self, nested: bool) -> Item:
        items: list[Item] = []
        while self._next and (self._next in '"[(.<!' or _NAME.match(self._next)):
            item = self._symbol()
            self._skip_space(newlines=nested)
            while self._next and self._next in "*+?{":
                item = self._repetition(item, nested)
                self._skip_space(newlines=nested)
            items.append(item)
        return items[0] if len(items) == 1 else Joined(tuple(items))

    def _symbol(self) -> Item:
        start = self._next
        if start in "<!":
            return self._token()
        if start not in '"[(.':
            at = self._at
            reference = Reference(self._match(_NAME, "the name of a rule"), at)
            self.references.append(reference)
            return reference
        self._at += 1
        if start == '"':
            return self._literal()
        if start == "[":
            return self._characters()
        if start == ".":
            return Characters((), negated=True)
        self._skip_space(newlines=True)
        group = self._choice(nested=True)
        self._take(")")
        return group

    def _literal(self) -> Item:
        characters: list[Item] = []
        while self._next != '"':
            code = self._character('"')
            characters.append(Characters(((code, code),)))
        self._at += 1
        return characters[0] if len(characters) == 1 else Joined(tuple(characters))

    def _characters(self) -> Item:
        negated = self._next == "^"
        self._at += negated
        ranges: list[tuple[int, int]] = []
        while self._next != "]":
            first = last = self._character("]")
            if self._next == "-" and self._text[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                last = self._character("]")
                if last < first:
                    self._fail(f"a character from {chr(first)!r} on", repr(chr(last)))
            ranges.append((first, last))
        self._at += 1
        return Characters(tuple(ranges), negated) if ranges else Joined(())

    def _character(self, end: str) -> int:
        """The code point of the next character, which may be an escape."""
        if not self._next:
            self._fail(f"'{end}'")
        self._at += 1
        if self._text[self._at - 1] != "\\":
            return ord(self._text[self._at - 1])
        escape = self._next
        if escape in HEX_DIGITS:
            digits = self._text[self._at + 1 : self._at + 1 + HEX_DIGITS[escape]]
            if not re.fullmatch(f"[0-9a-fA-F]{{{HEX_DIGITS[escape]}}}", digits):
                self._fail(f"{HEX_DIGITS[escape]} hexadecimal digits after \\{escape}", repr(digits))
            if int(digits, 16) > 0x10FFFF:
                self._fail("a code point up to 10FFFF", digits)
            self._at += 1 + len(digits)
            return int(digits, 16)
        if not escape or escape not in ESCAPES:
            self._fail(r"\t, \r, \n, \\, \", \[, \], \-, \x, \u or \U", f"\\{escape}")
        self._at += 1
        return ord(ESCAPES[escape])

    def _token(self) -> Token:
        at, negated = self._at, self._next == "!"
        self._at += negated
        self._take("<")
        if self._next == "[":
            self._at += 1
            number = self._number("the number of a token")
            self._take("]")
            self._take(">")
            return Token(number, negated, at)
        end = self._text.find(">", self._at)
        if end < 0:
            self._at = len(self._text)
            self._fail("'>'")
        text, self._at = self._text[self._at : end], end + 1
        return Token(f"<{text}>", negated, at)

    def _repetition(self, item: Item, nested: bool) -> Item:
        sign = self._next
        self._at += 1
        if sign != "{":
            return Repeated(item, int(sign == "+"), 1 if sign == "?" else None)
        self._skip_space(nested)
        least = self._number("a number")
        self._skip_space(nested)
        most: int | None = least
        if self._next == ",":
            self._at += 1
            self._skip_space(nested)
            most = self._number("a number") if _NUMBER.match(self._next) else None
            self._skip_space(nested)
        self._take("}")
        if least > MAX_REPETITIONS:
            self._fail(f"at most {MAX_REPETITIONS} repetitions", str(least))
        if most is not None and most < least:
            self._fail(f"at least {least} repetitions", str(most))
        return Repeated(item, least, None if most is not None and most > MAX_REPETITIONS else most)

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_space(self, newlines: bool) -> None:
        space = (_SPACE_AND_NEWLINES if newlines else _SPACE).match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _number(self, expected: str) -> int:
        return int(self._match(_NUMBER, expected).lstrip("0")[:MAX_DIGITS] or "0")

    def _match(self, pattern: re.Pattern[str], expected: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            self._fail(expected)
        self._at = found.end()
        return found[0]

    def _take(self, text: str) -> None:
        if not self._text.startswith(text, self._at):
            self._fail(f"'{text}'")
        self._at += len(text)

    def _fail(self, expected: str, got: str = "") -> NoReturn:
        if not got and self._at >= len(self._text):
            got = "the end of the grammar"
        elif not got:
            rest = _LINE_END.split(self._text[self._at : self._at + MAX_SHOWN_CHARACTERS])[0]
            got = repr(rest) if rest else "the end of the line"
        raise GbnfError(f"line {line_at(self._text, self._at)}: expected {expected}, got {got}")
