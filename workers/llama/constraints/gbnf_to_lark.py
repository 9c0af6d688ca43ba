"""Writes a GBNF grammar in llguidance's dialect of Lark.

llguidance splits a text into lexemes, each as long as possible, before it parses them; GBNF knows no lexemes. So a
grammar without recursion becomes one lexeme. In any other, each rule without recursion becomes one, or each character:
the first is fast, the second exact where a rule may end with what may follow it.
"""

from __future__ import annotations

from collections.abc import Callable

from workers.llama.constraints.gbnf import (
    Alternatives,
    Characters,
    GbnfError,
    Item,
    Joined,
    Reference,
    Repeated,
    Token,
    parse_gbnf,
)

ANY_CHARACTER = r"[\x{0}-\x{10FFFF}]"


def gbnf_to_lark(text: str, token_of: Callable[[str], int | None], by_character: bool = False) -> str:
    """The grammar in Lark, with rules or, with ``by_character``, single characters as lexemes.

    ``token_of`` finds the token whose text is given, if there is exactly one.

    Raises:
        GbnfError: the grammar is wrong, or names a token that does not exist.
    """
    return _Writer(parse_gbnf(text), token_of, by_character).write()


class _Writer:
    def __init__(self, rules: dict[str, Item], token_of: Callable[[str], int | None], by_character: bool) -> None:
        self._token_of = token_of
        reached = _reach(rules, "root")
        self._rules = {name: rules[name] for name in reached}
        lexemes = {name for name in reached if _is_regular(rules, name)}
        if by_character and "root" not in lexemes:
            lexemes = set()
        self._names = {name: f"{'RULE' if name in lexemes else 'rule'}_{number}" for number, name in enumerate(reached)}

    def write(self) -> str:
        lines = [f"{self._names[name]}: {self._text(item)}" for name, item in self._rules.items()]
        return "\n".join(["%llguidance {}", f"start: {self._names['root']}", *lines])

    def _text(self, item: Item) -> str:
        match item:
            case Characters():
                return f"/{_class(item)}/"
            case Token():
                return f"<[{'^' if item.negated else ''}{self._token(item)}]>"
            case Reference():
                return self._names[item.name]
            case Joined():
                return f"({' '.join(map(self._text, item.items))})" if item.items else '""'
            case Alternatives():
                return f"({' | '.join(map(self._text, item.options))})"
            case Repeated(most=0):
                return '""'
            case Repeated():
                most = "" if item.most is None else item.most
                return f"({self._text(item.item)}){{{item.least},{most}}}"

    def _token(self, item: Token) -> int:
        if isinstance(item.name, int):
            return item.name
        token = self._token_of(item.name)
        if token is None:
            raise GbnfError(f"line {item.line}: expected the text of one token, got '{item.name}'")
        return token


def _class(characters: Characters) -> str:
    """The class in a regular expression."""
    if not characters.ranges:
        return ANY_CHARACTER
    ranges = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in characters.ranges)
    return f"[{'^' if characters.negated else ''}{ranges}]"


def _parts(item: Item) -> tuple[Item, ...]:
    match item:
        case Joined():
            return item.items
        case Alternatives():
            return item.options
        case Repeated():
            return (item.item,)
        case _:
            return ()


def _names_in(item: Item) -> list[str]:
    own = [item.name] if isinstance(item, Reference) else []
    return own + [name for part in _parts(item) for name in _names_in(part)]


def _has_token(item: Item) -> bool:
    return isinstance(item, Token) or any(map(_has_token, _parts(item)))


def _is_regular(rules: dict[str, Item], name: str) -> bool:
    """Whether a rule names neither tokens nor, directly or not, a rule that names itself."""
    below = _reach(rules, name)
    recursive = any(other in _reach(rules, *_names_in(rules[other])) for other in below)
    return not recursive and not any(_has_token(rules[other]) for other in below)


def _reach(rules: dict[str, Item], *names: str) -> list[str]:
    """These rules and those that they name, directly or not."""
    reached = dict.fromkeys(names)
    waiting = list(reached)
    while waiting:
        new = [name for name in _names_in(rules[waiting.pop()]) if name not in reached]
        reached.update(dict.fromkeys(new))
        waiting += dict.fromkeys(new)
    return list(reached)
