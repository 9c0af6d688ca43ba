"""Prints what ``pyproject.toml`` requires, with some extras, a line each: the layers of an image before the code.

    python3 docker/requirements.py PYPROJECT [EXTRA,...]

It needs no package. llama-cpp-python is there too: its wheel is installed before, and fits.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any


def required(project: dict[str, Any], extras: Sequence[str]) -> Iterator[str]:
    """The requirements of a project, its own extras in place of their names.

    Raises:
        KeyError: no such extra.
    """
    yield from project["dependencies"]
    waiting = list(extras)
    for extra in waiting:
        for line in project["optional-dependencies"][extra]:
            own = re.fullmatch(rf"{re.escape(project['name'])}\[([\w,-]+)\]", line)
            if own is None:
                yield line
            else:
                waiting += [name for name in own[1].split(",") if name not in waiting]


def main(words: Sequence[str]) -> int:
    """Print the requirements; returns the exit code."""
    path, extras = words[0], [extra for extra in ",".join(words[1:]).split(",") if extra]
    with open(path, "rb") as file:
        project = tomllib.load(file)["project"]
    unknown = [extra for extra in extras if extra not in project["optional-dependencies"]]
    if unknown:
        known = ", ".join(project["optional-dependencies"])
        print(f"EXTRAS: expected some of {known}, got {unknown[0]}", file=sys.stderr)
        return 2
    print("\n".join(required(project, extras)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
