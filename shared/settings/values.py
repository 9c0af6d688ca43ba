"""The kinds of value that options have: how each is read, shown, and described in errors."""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shared.settings.units import format_bytes, format_seconds, parse_bytes, parse_seconds

Number = TypeVar("Number", int, float)

_HOST_NAME = re.compile(r"[\w.-]+", re.ASCII)


class Value(ABC):
    """The kind of value that an option has."""

    metavar = "VALUE"

    @property
    @abstractmethod
    def expected(self) -> str:
        """Completes "expected ..." in errors and documentation."""

    @abstractmethod
    def read(self, given: Any) -> Any:
        """Convert text, or a value of a TOML or JSON file.

        Raises:
            ValueError: not a value of this kind.
        """

    def show(self, value: Any) -> str:
        """The value as a user would write it."""
        return str(value)


@dataclass(frozen=True)
class Text(Value):
    """Any text."""

    metavar: str = "TEXT"
    expected: str = "text"

    def read(self, given: Any) -> str:
        return _text(given)


@dataclass(frozen=True)
class ExistingPath(Text):
    """A file or folder that exists when the server starts; processes get its absolute path."""

    metavar: str = "FILE"
    expected: str = "a path"


@dataclass(frozen=True)
class Switch(Value):
    """True or false."""

    expected: str = "true or false"

    def read(self, given: Any) -> bool:
        words = {
            "1": True,
            "true": True,
            "yes": True,
            "on": True,
            "0": False,
            "false": False,
            "no": False,
            "off": False,
        }
        return words[_one_of(str(given).lower(), words)]

    def show(self, value: Any) -> str:
        return "true" if value else "false"


@dataclass(frozen=True)
class Choice(Value):
    """One of ``words``."""

    words: tuple[str, ...]
    metavar: str = "WORD"

    @property
    def expected(self) -> str:
        return " or ".join(self.words)

    def read(self, given: Any) -> str:
        return _one_of(_text(given), self.words)


@dataclass(frozen=True)
class OptionalChoice(Choice):
    """One of ``words``, or nothing."""

    def read(self, given: Any) -> str:
        return "" if given == "" else super().read(given)


@dataclass(frozen=True)
class Whole(Value):
    """A whole number from ``low`` to ``high``, a multiple of ``step``."""

    low: int
    high: int
    step: int = 1
    metavar: str = "N"

    @property
    def expected(self) -> str:
        number = "a whole number" if self.step == 1 else f"a multiple of {self.step}"
        return f"{number} from {self.low} to {self.high}"

    def read(self, given: Any) -> int:
        if isinstance(given, bool) or not isinstance(given, (int, str)):
            raise ValueError(given)
        number = _bounded(int(given), self.low, self.high)
        if number % self.step:
            raise ValueError(given)
        return number


@dataclass(frozen=True)
class WholeOrMax(Whole):
    """A whole number, or ``max``: the number -1."""

    @property
    def expected(self) -> str:
        return f"{super().expected}, or max"

    def read(self, given: Any) -> int:
        return -1 if given in ("max", -1) else super().read(given)

    def show(self, value: Any) -> str:
        return "max" if value == -1 else super().show(value)


@dataclass(frozen=True)
class Real(Value):
    """A number from ``low`` to ``high``."""

    low: float
    high: float
    metavar: str = "X"

    @property
    def expected(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    def read(self, given: Any) -> float:
        if isinstance(given, bool) or not isinstance(given, (int, float, str)):
            raise ValueError(given)
        return float(_bounded(given if isinstance(given, int) else float(given), self.low, self.high))

    def show(self, value: Any) -> str:
        return f"{value:g}"


@dataclass(frozen=True)
class Proportions(Value):
    """A list of numbers that are not negative and not all zero, or a text such as ``3/1`` or ``3,1``."""

    metavar: str = "X/Y"
    expected: str = "proportions such as 3/1"

    def read(self, given: Any) -> tuple[float, ...]:
        items = [item for item in re.split("[/,]", given) if item.strip()] if isinstance(given, str) else given
        if not isinstance(items, (list, tuple)):
            raise ValueError(given)
        numbers = tuple(map(Real(0, 1e9).read, items))
        if numbers and not any(numbers):
            raise ValueError(given)
        return numbers

    def show(self, value: Any) -> str:
        return "/".join(f"{number:g}" for number in value)


@dataclass(frozen=True)
class Size(Value):
    """A number of bytes from ``low`` to ``high``, or 0 for none if ``or_none``."""

    low: int
    high: int
    metavar: str = "SIZE"
    or_none: bool = False

    @property
    def expected(self) -> str:
        none = "0, or " if self.or_none else ""
        return f"{none}a size from {format_bytes(self.low)} to {format_bytes(self.high)} bytes, such as 500M or 2Gi"

    def read(self, given: Any) -> int:
        if isinstance(given, bool):
            raise ValueError(given)
        size = given if isinstance(given, int) else parse_bytes(_text(given))
        return size if size == 0 and self.or_none else _bounded(size, self.low, self.high)

    def show(self, value: Any) -> str:
        return format_bytes(value)


@dataclass(frozen=True)
class Duration(Value):
    """A number of seconds."""

    low: float
    high: float
    metavar: str = "TIME"

    @property
    def expected(self) -> str:
        return f"a time from {format_seconds(self.low)} to {format_seconds(self.high)}, such as 90 (seconds), 15m or 1h"

    def read(self, given: Any) -> float:
        if isinstance(given, bool):
            raise ValueError(given)
        seconds = given if isinstance(given, (int, float)) else parse_seconds(_text(given))
        return float(_bounded(seconds, self.low, self.high))

    def show(self, value: Any) -> str:
        return format_seconds(value)


@dataclass(frozen=True)
class Texts(Value):
    """A list of texts, or one text with commas. ``check`` raises ``ValueError`` for a wrong item."""

    metavar: str = "TEXT"
    expected: str = "a list of texts"
    check: Callable[[str], object] | None = None

    def read(self, given: Any) -> tuple[str, ...]:
        items = self.split(given) if isinstance(given, str) else given
        if not isinstance(items, (list, tuple)):
            raise ValueError(given)
        texts = tuple(filter(None, (_text(item).strip() for item in items)))
        for text in texts:
            if self.check is not None:
                self.check(text)
        return texts

    def show(self, value: Any) -> str:
        return ",".join(value)

    def split(self, text: str) -> list[str]:
        """The items of one text."""
        return text.split(",")


def check_network(network: str) -> None:
    """Raise ``ValueError`` unless ``network`` is an IP address or a network, such as 10.0.0.0/8."""
    ipaddress.ip_network(network, strict=False)


def check_host_name(name: str) -> None:
    """Raise ``ValueError`` unless ``name`` is a name as in the header ``Host``, without a port."""
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(name)


@dataclass(frozen=True)
class BaseUrl(Value):
    """An HTTP URL."""

    metavar: str = "URL"
    expected: str = "a URL such as http://127.0.0.1:4318"

    def read(self, given: Any) -> str:
        url = _text(given)
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError(url)
        return url


@dataclass(frozen=True)
class PublicUrl(BaseUrl):
    """An HTTP URL to which paths are appended: without user, query, fragment or a slash at its end."""

    expected: str = "a URL such as https://ai.example/nexa, without a query"

    def read(self, given: Any) -> str:
        url = super().read(given)
        parts = urlsplit(url)
        is_whole = parts.hostname and parts.port != 0 and not any(map(str.isspace, url))
        if url and (not is_whole or any(character in url for character in '@?#"<>\\')):
            raise ValueError(url)
        return url.rstrip("/")


def _text(given: Any) -> str:
    if not isinstance(given, str) or "\0" in given:  # no path and no variable can hold NUL
        raise ValueError(given)
    return given


def _one_of(word: str, words: tuple[str, ...] | dict[str, bool]) -> str:
    if word not in words:
        raise ValueError(word)
    return word


def _bounded(number: Number, low: float, high: float) -> Number:
    if not low <= number <= high:  # false also for NaN, and without a float, which a huge integer would not fit into
        raise ValueError(number)
    return number
