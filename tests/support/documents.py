"""Reads the documents in ``docs/``: their code blocks, and the names that they mention."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PRODUCT = ("router", "workers", "shared")

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_END = " …"


@dataclass(frozen=True)
class Hunk:
    """A change of a file: the lines ``old`` become ``new``; without ``old``, ``new`` goes to the end of the file.

    A line of ``old`` that ends in ``…`` stands for any line with this beginning, which ``new`` keeps whole.
    """

    path: str
    old: list[str]
    new: list[str]

    def apply(self, root: Path) -> None:
        """Change the file below ``root``."""
        file = root / self.path
        if not self.old:
            file.parent.mkdir(parents=True, exist_ok=True)
            before = file.read_text() if file.exists() else ""
            file.write_text(before + "".join(f"{line}\n" for line in self.new))
            return
        lines = file.read_text().splitlines()
        size = len(self.old)
        places = [at for at in range(len(lines) - size + 1) if all(map(_fits, self.old, lines[at : at + size]))]
        assert len(places) == 1, f"{self.path}: expected these lines once, found them {len(places)} times: {self.old}"
        found = dict(zip(self.old, lines[places[0] : places[0] + size], strict=True))
        lines[places[0] : places[0] + size] = [found[line] if line.endswith(_ANY_END) else line for line in self.new]
        file.write_text("\n".join(lines) + "\n")


def hunks(document: str) -> list[Hunk]:
    """The changes that a document's blocks show: Python blocks that name a new file, and diffs."""
    found: list[Hunk] = []
    for language, block in _BLOCK.findall(document):
        first, _, rest = block.partition("\n")
        if language == "python" and first.startswith("# ") and first.endswith(".py"):
            found.append(Hunk(first.removeprefix("# "), [], rest.splitlines()))
        elif language == "diff":
            found += _hunks_of_diff(block)
    return found


def _hunks_of_diff(block: str) -> Iterator[Hunk]:
    path, old, new = "", list[str](), list[str]()
    for line in [*block.splitlines(), "@@"]:
        if line.startswith(("--- ", "@@")):
            if old or new:
                yield Hunk(path, old, new)
            path, old, new = line.removeprefix("--- ") if line.startswith("--- ") else path, [], []
            continue
        sign, text = line[:1], line[1:]
        assert sign in ("", " ", "+", "-"), line
        if sign != "+":
            old.append(text)
        if sign != "-":
            new.append(text)


def _fits(expected: str, line: str) -> bool:
    return line.startswith(expected.removesuffix(_ANY_END)) if expected.endswith(_ANY_END) else line == expected


def defined_names(file: Path) -> set[str]:
    """Functions, classes, methods, fields and constants that a module defines, as ``name`` and ``Class.name``."""
    return set(_names(ast.parse(file.read_text()).body, ""))


def _names(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.ClassDef():
                yield prefix + node.name
                yield from _names(node.body, f"{prefix}{node.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + node.name
            case ast.Assign():
                yield from (prefix + target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


def prose(document: str) -> list[str]:
    """A document's lines outside its code blocks."""
    return _BLOCK.sub("", document).splitlines()
