"""Grammars of values that are not written as JSON: in calls like Python's, with quotes of their own, or as tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from workers.chat.formats.chat_format import ParameterFormat
from workers.chat.grammar.builder import GrammarBuilder, Literal, Name, Symbol, joined
from workers.chat.grammar.text_expressions import text_expression
from workers.chat.parsing.schema_types import branches, types_of

MAX_DEPTH = 12
_ORDER = ("object", "array", "string", "integer", "number", "boolean", "null")
_FREE_KEY = r"/[A-Za-z_][A-Za-z0-9_.\-]{0,63}/"
_CONSTRAINTS = (
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
)


class Members:
    """The members of objects, in the order in which they are declared."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def of(self, schema: Any) -> list[tuple[dict[str, Any], set[str], bool]]:
        """The alternatives of an object: its properties, those that are required, and whether others are allowed."""
        found = []
        for branch in branches(schema, self._root) or [{}]:
            own = {**(schema if isinstance(schema, dict) else {}), **branch}
            properties = {**(schema.get("properties") or {}), **(branch.get("properties") or {})}
            required = {*(schema.get("required") or []), *(branch.get("required") or [])}
            listed = "properties" in own and not required - set(properties)
            free = not properties and not listed and own.get("additionalProperties") is not False
            missing: dict[str, Any] = {name: {} for name in required if name not in properties}
            found.append(({**properties, **missing}, required, free))
        return found


class RulesOfSchemas:
    """The rules of schemas, one for each, so that schemas that refer to themselves have rules that do.

    Args:
        builder: gets the rules.
    """

    def __init__(self, builder: GrammarBuilder) -> None:
        self._builder = builder
        self._made = dict[tuple[str, int], tuple[Any, Name]]()

    def rule(self, use: str, schema: Any, body: Callable[[], str]) -> Name:
        """The rule for this ``use`` of a schema. The first time, ``body`` makes it."""
        known = self._made.get((use, id(schema)))
        if known is not None:
            return known[1]
        name = Name(self._builder.fresh("value"))
        self._made[use, id(schema)] = schema, name  # which keeps the schema, so that no other one gets its id
        return self._builder.rule(name.name, body())


class ValueGrammar:
    """Values in a notation with braces, brackets and commas.

    Args:
        builder: gets the rules.
        root: the schema in which references are looked up.
        quote: what strings stand in; None for strings as JSON has them.
        python: true, false and null as Python writes them.
    """

    def __init__(self, builder: GrammarBuilder, root: Any, quote: str | None, python: bool) -> None:
        self._builder = builder
        self._root = root
        self._members = Members(root)
        self._quote = quote
        self._any: Name | None = None
        self._made = RulesOfSchemas(builder)
        self._words = ("True", "False", "None") if python else ("true", "false", "null")
        self._key = self._quoted_key if python else Literal

    def _quoted_key(self, key: str) -> Literal:
        return Literal(json.dumps(key, ensure_ascii=False))

    def object(self, schema: Any, opening: str, closing: str, assignment: str, bare: bool, depth: int = 0) -> Name:
        """``{key: value, ...}`` with these characters. ``bare``: keys stand without quotes."""
        key_of: Callable[[str], Literal] = Literal if bare else self._key
        separator = "," if self._quote is not None else ", "
        between = assignment if self._quote is not None or assignment == "=" else f"{assignment} "
        alternatives = []
        for properties, required, free in self._members.of(schema):
            members = []
            for name, member in properties.items():
                value = self.value(member, depth + 1)
                pair = joined([Literal(key_of(name).text + between), value])
                members.append((self._builder.rule(self._builder.fresh("member"), pair), name in required))
            body = _list_of_members(self._builder, members, separator)
            if free and depth < MAX_DEPTH:
                body = self._free_members(key_of, between, separator, depth)
            alternatives.append(f"{Literal(opening)} {body} {Literal(closing)}")
        return self._builder.rule(self._builder.fresh("object"), " | ".join(alternatives))

    def _free_members(self, key_of: Callable[[str], Literal], between: str, separator: str, depth: int) -> str:
        quote = '"' if key_of is not Literal else ""
        key = self._builder.rule(self._builder.fresh("KEY"), _FREE_KEY)
        quoted = f"{Literal(quote)} {key} {Literal(quote + between)}" if quote else f"{key} {Literal(between)}"
        value = self.value({}, depth + 1)
        return f"({quoted} {value} ({Literal(separator)} {quoted} {value}){{0,15}})?"

    def value(self, schema: Any, depth: int = 0) -> Name:
        """A value that fits the schema."""
        if not schema or schema is True:
            return self._any_value()
        alternatives = []
        for branch in branches(schema, self._root):
            if isinstance(fixed := branch.get("enum", [branch["const"]] if "const" in branch else None), list):
                alternatives += [joined(self._fixed(value)) for value in fixed]
                continue
            types = types_of(branch, self._root)
            alternatives += [str(self._typed(kind, branch, depth)) for kind in _ORDER if kind in types]
        return self._builder.rule(self._builder.fresh("value"), " | ".join(dict.fromkeys(alternatives)) or '"null"')

    def _any_value(self) -> Name:
        """Any value: a rule that has itself within its arrays and objects."""
        if self._any is None:
            self._any = Name(self._builder.fresh("any"))
            simple = [self._typed(kind, {}, MAX_DEPTH) for kind in _ORDER if kind not in ("object", "array")]
            array = self._array({}, MAX_DEPTH)
            members = self.object({}, "{", "}", ":", bare=self._quote is not None, depth=MAX_DEPTH - 1)
            self._builder.rule(self._any.name, " | ".join(map(str, [*simple, array, members])))
        return self._any

    def _typed(self, kind: str, schema: dict[str, Any], depth: int) -> Symbol:
        true, false, null = self._words
        match kind:
            case "object" if depth < MAX_DEPTH:
                bare = self._quote is not None
                return self._made.rule(kind, schema, lambda: str(self.object(schema, "{", "}", ":", bare, depth)))
            case "array" if depth < MAX_DEPTH:
                return self._made.rule(kind, schema, lambda: str(self._array(schema, depth)))
            case "object" | "array":
                return Literal("{}" if kind == "object" else "[]")
            case "string":
                return self._string(schema)
            case "boolean":
                return self._builder.rule(self._builder.fresh("boolean"), f"{Literal(true)} | {Literal(false)}")
            case "null":
                return Literal(null)
        return self._builder.json({"type": kind, **{k: schema[k] for k in _CONSTRAINTS if k in schema}})

    def _array(self, schema: dict[str, Any], depth: int) -> Name:
        item = self.value(schema.get("items", {}), depth + 1)
        minimum = schema.get("minItems", 0)
        least = minimum if isinstance(minimum, int) else 0
        most = schema.get("maxItems")
        separator = Literal("," if self._quote is not None else ", ")
        if most == 0:
            body = ""
        else:
            rest = f"{{{max(least - 1, 0)},{most - 1 if isinstance(most, int) else 255}}}"
            body = f"{item} ({separator} {item}){rest}"
        return self._builder.rule(
            self._builder.fresh("array"), f'"[" {body if least else f"({body})?" if body else ""} "]"'
        )

    def _string(self, schema: dict[str, Any]) -> Symbol:
        if self._quote is None or self._quote in "'\"":
            return self._builder.json({"type": "string", **{k: schema[k] for k in _CONSTRAINTS if k in schema}})
        opening = joined(self._builder.text(self._quote))
        rest = self._builder.until(self._quote, text_expression(schema))
        return self._builder.rule(self._builder.fresh("string"), f"{opening} {rest}")

    def _fixed(self, value: Any) -> list[Symbol]:
        true, false, null = self._words
        match value:
            case None:
                return [Literal(null)]
            case bool():
                return [Literal(true if value else false)]
            case str() if self._quote is not None and self._quote not in "'\"":
                return self._builder.text(f"{self._quote}{value}{self._quote}")
        return [Literal(json.dumps(value, ensure_ascii=False))]


def _list_of_members(builder: GrammarBuilder, members: list[tuple[Name, bool]], separator: str) -> str:
    """The members in their order with separators between those that are there."""
    if not members:
        return ""
    following: Name | None = None  # a list of the later members, with a separator before each
    first: list[str] = []
    for name, required in reversed(members):
        rest = f" {following}" if following is not None else ""
        first = [f"{name}{rest}", *([] if required else first)]
        with_it = f"{Literal(separator)} {name}{rest}"
        without_it = rest or ' ""'
        following = builder.rule(builder.fresh("more"), with_it if required else f"{with_it} |{without_it}")
    optional = not any(required for _, required in members)
    return f"({' | '.join(first)}){'?' if optional else ''}"


class TaggedValues:
    """Arguments between tags.

    Args:
        builder: gets the rules.
        parameter: how an argument is written.
        root: the function's parameters.
        json_schema: makes the schema of a value that is written as JSON.
    """

    def __init__(
        self, builder: GrammarBuilder, parameter: ParameterFormat, root: Any, json_schema: Callable[[Any], Any]
    ) -> None:
        self._builder = builder
        self._parameter = parameter
        self._root = root
        self._members = Members(root)
        self._made = RulesOfSchemas(builder)
        self._json_schema = json_schema

    def members(self, schema: Any, depth: int = 0) -> str:
        """The arguments of an object, one after another."""
        alternatives = []
        separator = joined(self._builder.marker(self._parameter.separator)) if self._parameter.separator else ""
        for properties, required, free in self._members.of(schema):
            written = [(self._member(name, member, depth), name in required) for name, member in properties.items()]
            if separator:
                body = _list_of_members(self._builder, written, self._parameter.separator)
            else:
                body = " ".join(f"{name}" if needed else f"{name}?" for name, needed in written)
            if free and not self._parameter.nested and "{key}" not in self._parameter.after:
                body = f"{self._free_member()}{{0,16}}"
            alternatives.append(body or '""')
        return f"({' | '.join(alternatives)})"

    def _member(self, key: str, schema: Any, depth: int) -> Name:
        return self._made.rule(key, schema, lambda: self._member_body(key, schema, depth))

    def _member_body(self, key: str, schema: Any, depth: int) -> str:
        alternatives = []
        for branch in branches(schema, self._root):
            types = types_of(branch, self._root)
            kinds = ["string"] if "string" in types else [kind for kind in _ORDER if kind in types]
            if self._parameter.types:
                kinds = [kind for kind in _ORDER if kind in types]
            words = dict[str, list[str]]()
            for kind in kinds:
                words.setdefault(self._parameter.types.get(kind, ""), []).append(kind)
            alternatives += [self._written(key, branch, word, group, depth) for word, group in words.items()]
        return " | ".join(dict.fromkeys(alternatives)) or '""'

    def _written(self, key: str, schema: dict[str, Any], word: str, kinds: list[str], depth: int) -> str:
        before = self._parameter.before if "{key}" in self._parameter.before else f"{self._parameter.before}{{key}}"
        lead = f"{before}{self._parameter.middle}".replace("{key}", key).replace("{type}", word)
        after = self._parameter.after.replace("{key}", key)
        return f"{joined(self._builder.text(lead))} {self._value(schema, kinds, after, depth)}"

    def _value(self, schema: dict[str, Any], kinds: list[str], after: str, depth: int) -> str:
        closing = joined(self._builder.text(after))
        if isinstance(fixed := schema.get("enum", [schema["const"]] if "const" in schema else None), list):
            texts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in fixed]
            return f"({' | '.join(str(Literal(text)) for text in texts)}) {closing}"
        if self._parameter.nested and depth < MAX_DEPTH and kinds[0] == "object":
            return f"{self.members(schema, depth + 1)} {closing}"
        if self._parameter.nested and depth < MAX_DEPTH and kinds[0] == "array":
            item = self._member(self._parameter.item, schema.get("items", {}), depth + 1)
            return f"{item}{{0,255}} {closing}"
        if kinds[0] == "string":
            return str(self._builder.until(after, text_expression(schema)))
        limited = {key: value for key, value in schema.items() if key != "type"}
        return f"{self._builder.json(self._json_schema({**limited, 'type': kinds}))} {closing}"

    def _free_member(self) -> Name:
        """An argument of any name."""
        key = self._builder.rule(self._builder.fresh("KEY"), _FREE_KEY)
        middle = self._parameter.middle.replace("{type}", self._parameter.types.get("string", ""))
        lead, rest = joined(self._builder.text(self._parameter.before)), joined(self._builder.text(middle))
        return self._builder.rule(
            self._builder.fresh("free"), f"{lead} {key} {rest} {self._builder.until(self._parameter.after)}"
        )
