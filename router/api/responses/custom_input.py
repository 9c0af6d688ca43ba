"""The input of custom tools, read from the arguments of the function that stands for them while they are generated."""

from __future__ import annotations

import json
import re

from router.schemas.responses.messages import CUSTOM_ARGUMENT

_OPENING = re.compile(rf'\s*\{{\s*"{CUSTOM_ARGUMENT}"\s*:\s*"')
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_MAX_ESCAPE_CHARS = 12


class CustomInput:
    """Reads ``{"input": "..."}`` in parts. Arguments of another form are read at their end."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._arguments = ""
        self._rest = ""
        self._begun = False
        self._ended = False

    @property
    def text(self) -> str:
        """The input so far."""
        return "".join(self._parts)

    def feed(self, part: str) -> str:
        """Read a part of the arguments; returns what of the input it has."""
        if not self._begun:
            self._arguments += part
            opening = _OPENING.match(self._arguments)
            if opening is None:
                return ""
            self._begun, part = True, self._arguments[opening.end() :]
        if self._ended:
            return ""
        read, self._rest = self._decoded(self._rest + part)
        self._parts.append(read)
        return read

    def finish(self) -> str:
        """Read arguments that have another form: what has not been returned yet."""
        if self._begun:
            return ""
        self._begun = True
        try:
            arguments = json.loads(self._arguments)
        except ValueError:
            arguments = None
        found = arguments.get(CUSTOM_ARGUMENT) if isinstance(arguments, dict) else None
        self._parts.append(found if isinstance(found, str) else self._arguments)
        return self._parts[-1]

    def _decoded(self, text: str) -> tuple[str, str]:
        """The text of a JSON string as far as it goes, and what is left: an escape that is not whole yet."""
        decoded, at = [], 0
        while at < len(text):
            if plain := _PLAIN.match(text, at):
                decoded.append(plain[0])
                at = plain.end()
            elif text[at] == '"':
                self._ended = True
                return "".join(decoded), ""
            elif pair := _PAIR.match(text, at):
                decoded.append(json.loads(f'"{pair[0]}"'))
                at = pair.end()
            elif (escape := _ESCAPE.match(text, at)) and not self._may_be_half(escape, len(text)):
                letter, code = escape.groups()
                decoded.append(_ESCAPED.get(letter, letter) if letter else _character(code))
                at = escape.end()
            elif len(text) - at < _MAX_ESCAPE_CHARS:
                return "".join(decoded), text[at:]
            else:
                decoded.append(text[at])
                at += 1
        return "".join(decoded), ""

    def _may_be_half(self, escape: re.Match[str], length: int) -> bool:
        """Whether this is the first half of a pair whose second half is still to come."""
        code = escape[2]
        return code is not None and code[:2].lower() in ("d8", "d9", "da", "db") and length - escape.end() < 6


def _character(code: str) -> str:
    """The character with this code; half of a pair has none."""
    number = int(code, 16)
    return "\ufffd" if 0xD800 <= number < 0xE000 else chr(number)
