"""Builds grammars in llguidance's dialect of Lark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SpecialToken = Callable[[str], int | None]
"""The id of the special token with this text, None if the vocabulary has none."""

_HOLE_OR_SPACE = re.compile(r"(\{id\}|\s*\n\s*)")
_TAG = re.compile(r"(<[^<>\s][^<>]*>|\[/?[A-Z_]+\])")

SPACE = "SPACE"
ANY_TEXT = "ANY_TEXT"
_ID = "IDENTIFIER"
_TERMINALS = {SPACE: r"/[ \t\r\n]{0,6}/", ANY_TEXT: "/(?s:.+)/", _ID: r"/[A-Za-z0-9_.\-]{1,40}/"}


@dataclass(frozen=True, slots=True)
class Literal:
    """A text."""

    text: str

    def __str__(self) -> str:
        return json.dumps(self.text)


@dataclass(frozen=True, slots=True)
class SpecialSymbol:
    """A special token. ``text`` is what it stands for."""

    id: int
    text: str

    def __str__(self) -> str:
        return f"<[{self.id}]>"


@dataclass(frozen=True, slots=True)
class Name:
    """A rule or terminal of the grammar."""

    name: str

    def __str__(self) -> str:
        return self.name


Symbol = Literal | SpecialSymbol | Name


def joined(symbols: Sequence[Symbol]) -> str:
    """The symbols one after another; the empty text if there are none."""
    return " ".join(map(str, symbols)) or '""'


class GrammarBuilder:
    """Collects rules.

    Args:
        special_token: finds special tokens.
        special_texts: the texts of special tokens that may stand within markers.
        exact: whether white space in markers is as it is written.
    """

    def __init__(self, special_token: SpecialToken, special_texts: Sequence[str] = (), exact: bool = False) -> None:
        self._special_token = special_token
        self.exact = exact
        own = sorted((re.escape(text) for text in special_texts if text), key=len, reverse=True)
        self._pieces = re.compile(f"({'|'.join([*own, _TAG.pattern[1:-1]])})")
        self._rules = dict[str, str]()
        self._count = 0

    def rule(self, name: str, body: str, attribute: str = "") -> Name:
        """Add a rule ``name[attribute]: body``."""
        self._rules[name] = f"{name}{f'[{attribute}]' if attribute else ''}: {body}"
        return Name(name)

    def fresh(self, prefix: str) -> str:
        """A name that no rule has."""
        self._count += 1
        return f"{prefix}_{self._count}"

    def terminal(self, name: str) -> Name:
        """One of the terminals that many grammars need."""
        return self.rule(name, _TERMINALS[name])

    def text(self, text: str) -> list[Symbol]:
        """Exactly this text, with special tokens where the vocabulary has them."""
        symbols = list[Symbol]()
        for piece in self._pieces.split(text):
            token = self._special_token(piece) if piece else None
            if token is not None:
                symbols.append(SpecialSymbol(token, piece))
            elif piece and symbols and isinstance(symbols[-1], Literal):
                symbols[-1] = Literal(symbols[-1].text + piece)
            elif piece:
                symbols.append(Literal(piece))
        return symbols

    def marker(self, text: str) -> list[Symbol]:
        """A marker: its text, with free white space where it has line ends, and an id for ``{id}``."""
        symbols = list[Symbol]()
        for piece in _HOLE_OR_SPACE.split(text):
            if piece == "{id}":
                symbols.append(self.terminal(_ID))
            elif piece.isspace() and not self.exact:
                symbols.append(self.terminal(SPACE))
            else:
                symbols += self.text(piece)
        return symbols

    def json(self, schema: object) -> Name:
        """A JSON text that fits a schema."""
        return self.rule(self.fresh("json"), f"%json {json.dumps(schema)}")

    def until(self, end: str, content: str = "(?s:.*)") -> Name:
        """A text that matches the expression ``content``, and the marker ``end`` behind it."""
        symbols = self.text(end)
        at = next((at for at, symbol in enumerate(symbols) if isinstance(symbol, SpecialSymbol)), None)
        name = self.fresh("until")
        if at is None:
            return self.rule(name, f"/{content}/", f"suffix={json.dumps(end)}")
        if at == 0:  # no expression matches a special token
            text = self.rule(self.fresh("TEXT"), f"/{content}/")
            optional = "?" if re.fullmatch(content, "") is not None else ""
            nonempty = self.rule(text.name, f"/{content}/ & /(?s:.+)/") if optional else text
            return self.rule(name, f"{nonempty}{optional} {joined(symbols)}")
        before = symbols[0]
        assert isinstance(before, Literal)
        lead = self.rule(self.fresh("lead"), f"/{content}/", f"suffix={json.dumps(before.text)}")
        return self.rule(name, f"{lead} {joined(symbols[1:])}")

    def grammar(self, start: str) -> str:
        """The whole grammar."""
        return "\n".join([f"start: {start}", *self._rules.values()])


def quoted_expression(text: str) -> str:
    """A text as part of a regular expression between slashes."""
    return re.escape(text).replace("/", "\\/").replace('"', '\\"')
