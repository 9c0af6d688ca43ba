"""Writes a GBNF grammar in llguidance's dialect of Lark.

llguidance splits a text into lexemes, each as long as possible, before it parses them; GBNF knows no lexemes. So a
grammar without recursion becomes one lexeme. In any other, each rule without recursion becomes one, or each character:
the first is fast, the second exact where a rule may end with what may follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workers.text.constraints.gbnf import (
    Alternatives,
    Characters,
    GbnfError,
    Item,
    Joined,
    Reference,
    Repeated,
    Token,
    line_at,
    parse_gbnf,
    too_deep,
)

ANY_CHARACTER = r"[\x{0}-\x{10FFFF}]"


def gbnf_to_lark(text: str, token_of: Callable[[str], int | None], by_character: bool = False) -> str:
    """The grammar in Lark, with rules or, with ``by_character``, single characters as lexemes.

    ``token_of`` finds the token whose text is given, if there is exactly one.

    Raises:
        GbnfError: the grammar is wrong, is nested too deeply, or names a token that does not exist.
    """
    try:
        return _Writer(text, token_of, by_character).write()
    except RecursionError:
        raise too_deep() from None


class _Writer:
    def __init__(self, text: str, token_of: Callable[[str], int | None], by_character: bool) -> None:
        self._grammar = text
        self._token_of = token_of
        self._rules = _reachable(parse_gbnf(text))
        lexemes = _regular(self._rules)
        if by_character and "root" not in lexemes:
            lexemes = set()
        self._names = {
            name: f"{'RULE' if name in lexemes else 'rule'}_{number}" for number, name in enumerate(self._rules)
        }

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
            line = line_at(self._grammar, item.at)
            raise GbnfError(f"line {line}: expected the text of one token, got '{item.name}'")
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


def _all_parts(item: Item) -> Iterator[Item]:
    """An item and all within it."""
    waiting = [item]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += reversed(_parts(part))


def _names_in(item: Item) -> dict[str, None]:
    """The rules that an item names, each once, in order."""
    return {part.name: None for part in _all_parts(item) if isinstance(part, Reference)}


def _reachable(rules: dict[str, Item]) -> dict[str, Item]:
    """The rules that ``root`` names, directly or not, and itself."""
    reached = {"root": rules["root"]}
    waiting = ["root"]
    while waiting:
        new = [name for name in _names_in(rules[waiting.pop()]) if name not in reached]
        reached.update((name, rules[name]) for name in new)
        waiting += new
    return reached


def _regular(rules: dict[str, Item]) -> set[str]:
    """The rules that name neither tokens nor, directly or not, a rule that names itself."""
    users: dict[str, list[str]] = {name: [] for name in rules}
    unknown: dict[str, int] = {}
    """By rule, how many of those that it names are not known to be regular; rules with tokens never are."""
    for name, item in rules.items():
        if not any(isinstance(part, Token) for part in _all_parts(item)):
            named = _names_in(item)
            unknown[name] = len(named)
            for other in named:
                users[other].append(name)
    regular = [name for name, count in unknown.items() if count == 0]
    for name in regular:  # grows on the way
        for user in users[name]:
            unknown[user] -= 1
            if unknown[user] == 0:
                regular.append(user)
    return set(regular)
