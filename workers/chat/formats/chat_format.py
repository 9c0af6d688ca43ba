"""How a model writes its answers: its thoughts, its words and its calls of functions.

Markers are texts. White space at their ends and between their tags is free. In a marker, ``{id}`` stands for any id or
index, ``{key}`` for the parameter's name and ``{type}`` for a word that names the type of the value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CallKind(StrEnum):
    """The shapes in which models write calls."""

    JSON = "json"  # {"name": "f", "arguments": {"a": 1}}
    NAMED_JSON = "named_json"  # f{"a": 1}
    TAGGED = "tagged"  # f, then each argument between tags
    PYTHON = "python"  # f(a=1)
    DICT = "dict"  # f{a:1,b:"x"}, with a quote of its own


class Recipients(StrEnum):
    """Where the header of an answer in parts says whom a part is for."""

    CHANNELS = "channels"  # gpt-oss: a channel, and "to=" for calls
    TO = "to"  # Muse: "to=" alone
    NAME = "name"  # Functionary 3.2: the name alone


PART_MARKERS = ("<|channel|>", "<|constrain|>")
"""What may stand in the headers of answers in parts."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What stands before and after something."""

    begin: str = ""
    end: str = ""

    def __bool__(self) -> bool:
        return bool(self.begin.strip() or self.end.strip())


@dataclass(frozen=True, slots=True)
class JsonKeys:
    """The keys of a call that is a JSON object.

    ``inside`` is the key of an object that has the others. If ``name_is_key``, the function's name is the only key and
    the arguments are its value. ``more`` are further keys with what stands there. ``array`` says that the calls are
    items of an array, ``text`` that the arguments are JSON within a string.
    """

    name: str = "name"
    arguments: str = "arguments"
    id: str = ""
    inside: str = ""
    name_is_key: bool = False
    array: bool = False
    text: bool = False
    more: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParameterFormat:
    """One argument of a tagged call: ``before`` NAME ``middle`` VALUE ``after``, with ``separator`` between two.

    ``types`` are the words for ``{type}`` by JSON type. With ``cdata``, values may stand in ``<![CDATA[...]]>``. If
    ``nested``, objects and arrays are written as tags too, and the items of arrays have ``item`` for a name.
    """

    before: str
    middle: str
    after: str
    separator: str = ""
    types: dict[str, str] = field(default_factory=dict)
    cdata: bool = False
    nested: bool = False
    item: str = "item"


@dataclass(frozen=True, slots=True)
class CallFormat:
    """How calls are written: ``section.begin (call.begin CALL call.end, with separators between) section.end``.

    ``after_name`` comes between a function's name and its arguments. ``quote`` encloses the strings of ``DICT``. If
    ``exact``, white space is always written as it is here, so that grammars leave no choice.
    """

    kind: CallKind
    section: Pair = Pair()
    call: Pair = Pair()
    separator: str = ""
    after_name: str = ""
    keys: JsonKeys = JsonKeys()
    parameter: ParameterFormat | None = None
    quote: str = '"'
    parallel: bool = True
    exact: bool = False

    @property
    def unmarked(self) -> bool:
        """Whether calls begin without a marker, so that they can only be the whole answer."""
        return not (self.section.begin.strip() or self.call.begin.strip())


@dataclass(frozen=True, slots=True)
class PartsFormat:
    """An answer in parts, each ``begin HEADER message BODY``, up to one of ``ends`` or the next ``begin``.

    The prompt ends with the first ``begin``. ``thoughts`` and ``words`` are the recipients or channels of those, and
    ``prefix`` comes before a function's name.
    """

    recipients: Recipients
    begin: str
    message: str
    ends: tuple[str, ...]
    thoughts: tuple[str, ...]
    words: tuple[str, ...]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How a model writes.

    Attributes:
        thought: what encloses a thought, None for models that do not think. ``begin`` is empty if only the prompt
            opens it.
        words: what encloses the words of an answer, if anything does.
        calls: None for models that know no calls.
        parts: for models that write each part of an answer to a recipient; the other attributes then describe what
            stands in the parts.
        turn_end: the end of a turn, with what follows it in the template.
    """

    thought: Pair | None = None
    words: Pair = Pair()
    calls: CallFormat | None = None
    parts: PartsFormat | None = None
    turn_end: str = ""

    @property
    def thinks(self) -> bool:
        """Whether the model may think before it answers."""
        return self.thought is not None or (self.parts is not None and bool(self.parts.thoughts))

    @property
    def thought_end(self) -> str:
        """The marker that ends a thought, with what must stand before the words; empty if there is none."""
        if self.parts is not None:
            return f"{self.parts.ends[0]}{self.parts.begin}" if self.parts.thoughts else ""
        return self.thought.end if self.thought is not None and self.thought.end.strip() else ""

    def markers(self) -> list[str]:
        """The texts of all markers."""
        pairs = [self.thought or Pair(), self.words]
        texts = [self.turn_end]
        if self.calls is not None:
            pairs += [self.calls.section, self.calls.call]
            texts += [self.calls.separator, self.calls.after_name, self.calls.quote]
            if (parameter := self.calls.parameter) is not None:
                texts += [parameter.before, parameter.middle, parameter.after, parameter.separator]
        if self.parts is not None:
            texts += [self.parts.begin, self.parts.message, *self.parts.ends, *PART_MARKERS]
        return [text for text in [*texts, *(text for pair in pairs for text in (pair.begin, pair.end))] if text]
