"""A model and its options as one argument: ``smollm2@slots=4,context_tokens=2048``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from shared.models.names import ONNX, marked, split_mark
from shared.settings.option import OptionError

_WITH_OPTIONS = re.compile(r"(?P<model>.+)@(?P<options>[A-Za-z][\w-]*=.*)", re.DOTALL)
_BETWEEN_OPTIONS = re.compile(r",\s*(?=[A-Za-z][\w-]*=)")


def mark_models(arguments: Sequence[str]) -> tuple[str, ...]:
    """The models among ``arguments``; those after the word ``onnx`` marked as ONNX models.

    Raises:
        OptionError: the word is the last one.
    """
    found: list[str] = []
    onnx = False
    for argument in arguments:
        is_word = _is_word(argument)
        onnx = onnx or is_word
        if not is_word:
            found.append(marked(argument, onnx or split_mark(argument)[0]))
    if arguments and _is_word(arguments[-1]):
        raise OptionError(f"{ONNX}: a model is required after it; all names: nexa list {ONNX}")
    return tuple(found)


def _is_word(argument: str) -> bool:
    """Whether an argument is the word ``onnx``, or a mark that was typed apart from its name."""
    return argument.lower().removesuffix(":") == ONNX


def split_model_argument(argument: str) -> tuple[str, dict[str, str]]:
    """Split an argument into the model and its options, as text by name.

    Options follow the last ``@`` before a ``NAME=``. The values of one that is given again are a list, with commas. If
    the whole argument is the path of an existing file or folder, there are none.
    """
    match = _WITH_OPTIONS.fullmatch(argument)
    if match is None or os.path.exists(os.path.expanduser(split_mark(argument)[1])):
        return argument, {}
    options: dict[str, str] = {}
    for assignment in _BETWEEN_OPTIONS.split(match["options"]):
        name, _, value = assignment.partition("=")
        name = name.replace("-", "_")
        options[name] = f"{options[name]},{value}" if name in options else value
    return match["model"], options
