"""A model and its options as one argument: ``smollm2@slots=4,context_tokens=2048``."""

from __future__ import annotations

import os
import re

_WITH_OPTIONS = re.compile(r"(?P<model>.+)@(?P<options>[A-Za-z][\w-]*=.*)", re.DOTALL)
_BETWEEN_OPTIONS = re.compile(r",\s*(?=[A-Za-z][\w-]*=)")


def split_model_argument(argument: str) -> tuple[str, dict[str, str]]:
    """Split an argument into the model and its options, as text by name.

    Options follow the last ``@`` before a ``NAME=``. If the whole argument is the path of an existing file or folder,
    there are none.
    """
    match = _WITH_OPTIONS.fullmatch(argument)
    if match is None or os.path.exists(os.path.expanduser(argument)):
        return argument, {}
    assignments = _BETWEEN_OPTIONS.split(match["options"])
    return match["model"], {name.replace("-", "_"): value for name, _, value in (a.partition("=") for a in assignments)}
