"""Where a model comes from: a hub repository, an installed Python package, or a path on this machine.

A source is ``onnx`` if the user marked it as that of an ONNX model: ``onnx:hf:owner/repo``.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from shared.distribution import how_to_add
from shared.engines.registry import model_suffixes
from shared.errors import ModelError
from shared.models.names import LATEST, is_quant, marked, split_mark

_REPO_PATTERN = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_HUB_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<repo>[^/:?#]+/[^/:?#]+)"
    r"(?:/(?:blob|resolve)/[^/]+/(?P<file>[^?#]+)|/tree/[^?#]*)?/?(?::(?P<pattern>[^/?#]+))?(?:[?#].*)?",
    re.IGNORECASE,
)
"""The address of a repository or a file, as in a browser's address bar or after ``ollama run``."""

_MODULE_PATTERN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class MissingPackageError(ModelError):
    """The Python package that ships a model is not installed."""


@dataclass(frozen=True, slots=True)
class HubSource:
    """``hf:owner/repo[:file-pattern]``. Without a pattern, :mod:`shared.hub.choice` picks the files."""

    repo: str
    pattern: str = ""
    onnx: bool = False

    def __str__(self) -> str:
        return marked(f"hf:{self.repo}:{self.pattern}" if self.pattern else f"hf:{self.repo}", self.onnx)


@dataclass(frozen=True, slots=True)
class PackageSource:
    """``package:module/file``: a file or folder inside an installed Python package."""

    module: str
    file: str
    onnx: bool = False

    def __str__(self) -> str:
        return marked(f"package:{self.module}/{self.file}", self.onnx)

    @property
    def distribution(self) -> str:
        """The package's name for pip."""
        return self.module.partition(".")[0].replace("_", "-")

    def is_installed(self) -> bool:
        """Whether the package is installed and holds the file."""
        try:
            self.locate()
        except MissingPackageError:
            return False
        return True

    def locate(self) -> Path:
        """Path of the file. Runs none of the package's code.

        Raises:
            MissingPackageError: the package is not installed, or has no such file.
        """
        spec = importlib.util.find_spec(self.module.partition(".")[0])
        if spec is None or not spec.submodule_search_locations:
            raise MissingPackageError(
                f"{self}: the Python package {self.distribution} is not installed; "
                f"install it with: {how_to_add(self.distribution)}"
            )
        inner = PurePosixPath(*self.module.split(".")[1:], self.file)
        for folder in spec.submodule_search_locations:
            path = Path(folder, inner)
            if path.exists():
                return path
        raise MissingPackageError(
            f"{self}: the installed Python package {self.distribution} has no {inner}; "
            f"a newer one may have it: pip install --upgrade {self.distribution}"
        )


@dataclass(frozen=True, slots=True)
class JoinedSource:
    """``packages:module/folder+module/folder``: one model in folders of several Python packages.

    A file too large for one package is split into ``NAME.part1``, ``NAME.part2`` and so on, or from ``NAME.part00`` on.
    """

    folders: tuple[PackageSource, ...]
    onnx: bool = False

    def __str__(self) -> str:
        folders = "+".join(f"{folder.module}/{folder.file}" for folder in self.folders)
        return marked(f"packages:{folders}", self.onnx)

    def locate(self) -> list[Path]:
        """Paths of the folders. Raises :class:`MissingPackageError`, which names all the packages."""
        try:
            return [folder.locate() for folder in self.folders]
        except MissingPackageError:
            packages = " ".join(folder.distribution for folder in self.folders)
            raise MissingPackageError(
                f"{self}: not all of its Python packages are installed; install them with: {how_to_add(packages)}"
            ) from None


@dataclass(frozen=True, slots=True)
class PathSource:
    """A file or folder on this machine."""

    path: Path
    onnx: bool = False

    def __str__(self) -> str:
        return marked(str(self.path), self.onnx)


Source = HubSource | PackageSource | JoinedSource | PathSource


def parse_source(text: str) -> Source:
    """Read ``hf:owner/repo[:file-pattern]``, ``package:module/file``, ``packages:module/folder+…`` or a path.

    Addresses of the hub are read too: ``hf.co/owner/repo:Q8_0``, ``https://huggingface.co/owner/repo``. ``onnx:``
    before any of them marks an ONNX model.

    Raises:
        ModelError: malformed text after a prefix.
    """
    onnx, given = split_mark(text)
    return replace(_parse_unmarked(given), onnx=onnx)


def _parse_unmarked(text: str) -> Source:
    scheme, _, rest = text.partition(":")
    address = _HUB_ADDRESS.fullmatch(text)
    if address is not None:
        pattern = address["file"] or address["pattern"]
        return _parse_unmarked(f"hf:{address['repo']}:{pattern}" if pattern else f"hf:{address['repo']}")
    if scheme == "hf":
        repo, _, pattern = rest.removeprefix("//").partition(":")
        if not _REPO_PATTERN.fullmatch(repo) or ".." in repo:
            raise ModelError(f"model: expected hf:owner/repo[:file-pattern], got {text!r}")
        return HubSource(repo, _known_pattern(pattern))
    if scheme == "package":
        return _parse_package(rest, text)
    if scheme == "packages":
        return JoinedSource(tuple(_parse_package(folder, text) for folder in rest.split("+")))
    return PathSource(Path(text).expanduser())


def _known_pattern(pattern: str) -> str:
    """The pattern as it is kept: a quantization in upper case, so that ``q8_0`` and ``Q8_0`` are one model."""
    if pattern.lower() == LATEST:
        return ""
    return pattern.upper() if is_quant(pattern) else pattern


def _parse_package(location: str, text: str) -> PackageSource:
    module, _, file = location.partition("/")
    if not _MODULE_PATTERN.fullmatch(module) or not is_safe_relative(file):
        raise ModelError(f"model: expected package:module/file, got {text!r}")
    return PackageSource(module, file)


def looks_like_path(spec: str) -> bool:
    """Whether ``spec`` is written like a path: with a separator, or with the suffix of a model file."""
    spec = split_mark(spec)[1]
    return "/" in spec or "\\" in spec or spec in (".", "..") or spec.lower().endswith(model_suffixes())


def is_safe_relative(file: str) -> bool:
    """Whether ``file`` is a plain relative path that stays inside the folder it is joined to.

    False for absolute paths, ``..``, empty and dot components, backslashes, colons (drives and streams on Windows) and
    control characters.
    """
    if not file or len(file) > 1024 or any(ord(char) < 32 or char in "\\:\x7f" for char in file):
        return False
    return all(part not in ("", ".", "..") and len(part) <= 255 for part in file.split("/"))
