"""A model with its own options in one word: ``smollm2@slots=4,context_tokens=2048``."""

from __future__ import annotations

import os
import re

_WITH_OPTIONS = re.compile(r"(?P<model>.+)@(?P<options>[A-Za-z][\w-]*=.*)", re.DOTALL)
_BETWEEN_OPTIONS = re.compile(r",\s*(?=[A-Za-z][\w-]*=)")


def split_word(word: str) -> tuple[str, dict[str, str]]:
    """Split a word into the model and its options, as text by name.

    Options follow the last ``@`` before a ``NAME=``. An existing file or folder of the whole name has no options.
    """
    match = _WITH_OPTIONS.fullmatch(word)
    if match is None or os.path.exists(os.path.expanduser(word)):
        return word, {}
    assignments = _BETWEEN_OPTIONS.split(match["options"])
    return match["model"], {name.replace("-", "_"): value for name, _, value in (a.partition("=") for a in assignments)}
