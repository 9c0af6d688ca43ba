"""Which chat template a model has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workers.chat.builtin_templates import BUILTIN_STOPS, BUILTIN_TEMPLATES, guess_template


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A template's Jinja source.

    ``with_tools`` is that for chats with tools, empty if it is the same. ``stop`` are the strings that end a turn if no
    special token does.
    """

    text: str
    with_tools: str = ""
    stop: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The sources, first the one for chats without tools."""
        return [self.text, self.with_tools] if self.with_tools else [self.text]


def find_template(given: str, in_file: TemplateSource | None, is_special: Callable[[str], bool]) -> TemplateSource:
    """The template to use: the operator's, else the model's, else a built-in one chosen by the special tokens.

    Args:
        given: the operator's: a built-in template's name or the path of a Jinja file; empty for none.
        in_file: the one in the model file, if it has one.
        is_special: whether a text is a special token of the model.

    Raises:
        ValueError: ``given`` is neither a name nor a readable file.
    """
    if given:
        return TemplateSource(_source_of(given), stop=BUILTIN_STOPS.get(given, ()))
    if in_file is not None:
        return in_file
    name = guess_template(is_special)
    return TemplateSource(BUILTIN_TEMPLATES[name], stop=BUILTIN_STOPS.get(name, ()))


def _source_of(given: str) -> str:
    if given in BUILTIN_TEMPLATES:
        return BUILTIN_TEMPLATES[given]
    try:
        return Path(given).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        names = ", ".join(BUILTIN_TEMPLATES)
        raise ValueError(f"--chat-template: expected a readable file or one of {names}, got {given!r}") from None
