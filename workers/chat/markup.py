"""Which special tokens of a chat's prompt are the template's own. Those that a message spells are text.

``<|im_start|>system`` in a user's message must not begin a message. So, before a template is rendered, a mark is put
behind each character of the request's strings that may begin a special token. In the rendered text, the text of a
special token that has such a mark behind its first character comes from the request: the prompt is cut at that mark,
and the two pieces are tokenised apart. All other marks are dropped, so that a prompt without such a text is one piece.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

_LETTERS = [chr(point) for point in range(0xA000, 0xA48D)]
"""What marks are made of: letters of Yi, which are without case.

They survive what templates do to texts: stripping, changing the case, writing as JSON or Python.
"""

_SHORT_MARKS = 16
"""How many marks of one letter are tried. A longer one is random, so that no request can hold it."""


@dataclass(frozen=True, slots=True)
class SpecialTexts:
    """The texts that a vocabulary reads as one token each, wherever they are.

    ``control`` are the tokens of a chat's structure; ``user_defined`` all others: ``<think>``, but also runs of spaces.
    """

    control: frozenset[str] = frozenset()
    user_defined: frozenset[str] = frozenset()


class _Family:
    """Special texts that are text in some strings, and where a template's own comparisons must find them unmarked."""

    def __init__(self, texts: Iterable[str], literals: Iterable[str]) -> None:
        self._texts = frozenset(text for text in texts if len(text) > 1)
        self._lengths = sorted({len(text) for text in self._texts})
        self._beginnings = {text[:2] for text in self._texts}
        first = "".join(sorted({text[0] for text in self._texts}))
        self.possible = re.compile(f"[{re.escape(first)}]" if first else "(?!)")
        compared = {literal[at.start() :] for literal in literals for at in self.possible.finditer(literal)}
        harmless = sorted(text for text in compared if not self._may_begin(text))
        spared = f"(?!{'|'.join(map(re.escape, harmless))})" if harmless else ""
        self.to_mark = re.compile(spared + self.possible.pattern)

    def begins(self, text: str, at: int) -> bool:
        """Whether a special text begins at ``at``."""
        if text[at : at + 2] not in self._beginnings:
            return False
        return any(text[at : at + length] in self._texts for length in self._lengths)

    def _may_begin(self, literal: str) -> bool:
        return any(text.startswith(literal) or literal.startswith(text) for text in self._texts)


class Markup:
    """The special texts that matter for one chat template.

    Args:
        special: those of the vocabulary.
        source: the template's source; user-defined tokens matter if it has them.
        literals: its string constants, which it may look for in messages.
    """

    def __init__(self, special: SpecialTexts, source: str, literals: Iterable[str]) -> None:
        literals = list(literals)
        own = {text for text in special.user_defined if text in source and _is_markup(text)}
        self.strict = _Family(special.control | own, literals)
        self.lenient = _Family(special.control, literals)
        self._source = source

    def marks_for(self, *values: Any) -> Marks:
        """The marks for a request with these values.

        Raises:
            RecursionError: they are nested too deeply.
        """
        strings = [text for value in values for text in _strings(value)]
        if not any(self.strict.possible.search(text) for text in strings):
            return Marks(self, "", "")
        everything = "\n".join([self._source, *strings])
        strict, lenient = islice((mark for mark in _marks() if not _holds(everything, mark)), 2)
        return Marks(self, strict, lenient)


class Marks:
    """Marks one request's strings, and finds the marks in its rendered prompt. Without marks it changes nothing."""

    def __init__(self, markup: Markup, strict: str, lenient: str) -> None:
        self._markup = markup
        self._strict = strict
        self._lenient = lenient
        either = "|".join(f"({mark}|{re.escape(_in_ascii(mark))})" for mark in (strict, lenient) if mark)
        self._pattern = re.compile(either or "(?!)")

    def message(self, message: dict[str, Any]) -> dict[str, Any]:
        """A marked message. An assistant's may have the user-defined tokens that it writes, such as ``<think>``."""
        by_assistant = message["role"] == "assistant"
        marked: dict[str, Any] = self._marked(message, lenient=by_assistant)
        return {**marked, "role": message["role"]}

    def value(self, value: Any) -> Any:
        """A marked value of JSON."""
        return self._marked(value, lenient=False)

    def clean(self, text: str) -> str:
        """A text without marks."""
        return self._pattern.sub("", text)

    def split(self, rendered: str) -> list[str]:
        """A rendered prompt without marks, cut within each special text that the request spells."""
        if not self._strict:
            return [rendered]
        runs, places, length, end = [], [], 0, 0
        for found in self._pattern.finditer(rendered):
            runs.append(rendered[end : found.start()])
            length += len(runs[-1])
            end = found.end()
            places.append((length, self._markup.strict if found[1] else self._markup.lenient))
        text = "".join([*runs, rendered[end:]])
        cuts = [at for at, family in places if at and family.begins(text, at - 1)]
        return [text[begin:stop] for begin, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def _marked(self, value: Any, lenient: bool) -> Any:
        if not self._strict:
            return value
        family, mark = (self._markup.lenient, self._lenient) if lenient else (self._markup.strict, self._strict)
        return _mapped(value, lambda text: family.to_mark.sub(lambda found: found[0] + mark, text))


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A value of JSON with all its strings, keys too, changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_mapped(key, change): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _is_markup(text: str) -> bool:
    """Whether a text looks like ``<think>`` or ``[INST]``, not like a word or white space."""
    return len(text) > 2 and not (text[0].isalnum() or text[-1].isalnum()) and any(map(str.isalnum, text))


def _marks() -> Iterator[str]:
    yield from _LETTERS[:_SHORT_MARKS]
    while True:
        yield "".join(secrets.choice(_LETTERS) for _ in range(8))


def _holds(text: str, mark: str) -> bool:
    return mark in text or _in_ascii(mark) in text


def _in_ascii(mark: str) -> str:
    """A mark as JSON in ASCII writes it."""
    return json.dumps(mark)[1:-1]
