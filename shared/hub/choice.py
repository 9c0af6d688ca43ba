"""Choose, from the files of a hub repository, those that make up one model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.models.files import Engine, split_parts
from shared.models.source import HubSource, ModelError

_PREFERRED_QUANT = "q4_k_m"
_FEW_BITS = re.compile(r"(?<![a-z0-9])(i?q[123]|tq[12])_", re.IGNORECASE)
_NOT_A_MODEL = re.compile(r"mmproj|imatrix|(?<![a-z0-9])vae(?![a-z0-9])", re.IGNORECASE)
_WHISPER_FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")
_ONNX_COMPANIONS = ("*.json", "*.txt", "*.model", "*.jinja")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository: hashes are hex; ``sha256`` is there for LFS files, ``git_sha1`` for the others."""

    path: str
    size_bytes: int
    sha256: str | None = None
    git_sha1: str | None = None


def choose_files(source: HubSource, files: Sequence[HubFile], engine: Engine | None = None) -> list[HubFile]:
    """The files to fetch for ``source``, the one that the engine opens first.

    A pattern is a glob (``*Q5_K_M*``), a path, or a part of a name (``Q5_K_M``), whatever its case. Of several GGUF
    models that remain, Q4_K_M is taken, else the smallest of at least four bits a weight, else the smallest.
    ``engine`` narrows the search to its formats. Raises :class:`ModelError` when nothing fits.
    """
    choosers: dict[Engine, list[Callable[[HubSource, Sequence[HubFile]], list[HubFile]]]] = {
        "llama": [_choose_gguf],
        "diffusion": [_choose_gguf, _choose_checkpoint],
        "whisper": [_choose_whisper],
        "onnx": [_choose_onnx],
    }
    tried = choosers[engine] if engine else [_choose_gguf, _choose_whisper, _choose_checkpoint, _choose_onnx]
    for chooser in tried:
        chosen = chooser(source, files)
        if chosen:
            return chosen
    if source.pattern:
        raise ModelError(f"no model file of hub repository {source.repo} fits {source.pattern!r}; {_some_names(files)}")
    raise ModelError(f"hub repository {source.repo} holds no model that can be served; {_some_names(files)}")


def _choose_gguf(source: HubSource, files: Sequence[HubFile]) -> list[HubFile]:
    ggufs = {file.path: file for file in _matching(source, files, (".gguf",))}
    if not source.pattern:
        ggufs = {path: file for path, file in ggufs.items() if not _NOT_A_MODEL.search(path)}
    by_path = {file.path: file for file in files}
    models: dict[str, list[HubFile]] = {}
    for path in ggufs:
        folder, slash, name = path.rpartition("/")
        parts = [folder + slash + part for part in split_parts(name)[: len(files) + 1]]
        missing = [part for part in parts if part not in by_path]
        if missing:
            raise ModelError(f"hub repository {source.repo} lacks {missing[0]}, a part of {path}")
        models[parts[0]] = [by_path[part] for part in parts]
    if not models:
        return []
    return models[min(models, key=lambda path: _gguf_rank(path, models[path]))]


def _gguf_rank(path: str, parts: Sequence[HubFile]) -> tuple[int, int, str]:
    lowered = path.lower()
    few_bits = _FEW_BITS.search(lowered) is not None
    rank = 0 if _PREFERRED_QUANT in lowered else 1 + few_bits
    return rank, sum(part.size_bytes for part in parts), path


def _choose_whisper(source: HubSource, files: Sequence[HubFile]) -> list[HubFile]:
    names = {file.path for file in files}
    if source.pattern or not {"model.bin", "config.json"} <= names:
        return []
    chosen = [file for file in files if any(fnmatchcase(file.path, pattern) for pattern in _WHISPER_FILES)]
    return sorted(chosen, key=lambda file: (file.path != "model.bin", file.path))


def _choose_checkpoint(source: HubSource, files: Sequence[HubFile]) -> list[HubFile]:
    found = _matching(source, files, (".safetensors", ".ckpt"))
    if not source.pattern:
        if any(file.path == "config.json" for file in files):
            return []
        found = [file for file in found if "/" not in file.path and not _NOT_A_MODEL.search(file.path)]
    if len(found) > 1:
        names = ", ".join(file.path for file in found[:5])
        raise ModelError(f"{source} fits {len(found)} checkpoints, name one of them: {names}")
    return found


def _choose_onnx(source: HubSource, files: Sequence[HubFile]) -> list[HubFile]:
    graphs = _matching(source, files, (".onnx",))
    if not graphs:
        return []
    graph = min(graphs, key=lambda file: (file.size_bytes, file.path))
    stem = graph.path.removesuffix(".onnx")
    companions = [
        file
        for file in files
        if file.path.startswith((graph.path + "_data", graph.path + ".data", stem + ".data"))
        or ("/" not in file.path and any(fnmatchcase(file.path, pattern) for pattern in _ONNX_COMPANIONS))
    ]
    return [graph, *companions]


def _matching(source: HubSource, files: Sequence[HubFile], suffixes: tuple[str, ...]) -> list[HubFile]:
    found = [file for file in files if file.path.lower().endswith(suffixes)]
    pattern = source.pattern.lower()
    if not pattern:
        return found
    exact = [file for file in found if _fits(file.path.lower(), pattern)]
    return exact or [file for file in found if pattern in file.path.lower()]


def _fits(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)


def _some_names(files: Sequence[HubFile]) -> str:
    names = [file.path for file in files if not file.path.startswith(".")]
    return f"it has {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}" if names else "it has no files"
