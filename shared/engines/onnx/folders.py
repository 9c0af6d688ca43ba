"""What the layouts of ONNX models share: a model's folder, its graphs and their variants, its other files.

A graph is a file ``STEM.onnx``; ``STEM_VARIANT.onnx`` is the same one in another precision (``model_q4.onnx``). Graphs
are in the model's folder or in its folder ``onnx/``. Weights beyond 2 GiB are in files of their own beside the graph,
which begin with its name (``model.onnx_data``, ``model.onnx.data``, ``model_q4.onnx_data_1``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from shared.engines.files import HubFile, Listing, has_word
from shared.errors import ModelError

EXTRA = "onnx"
MODULE = "onnxruntime"

GRAPH_SUFFIX = ".onnx"
GRAPHS_FOLDER = "onnx"
SETTINGS = ("config.json", "tokenizer.json")
"""What the folder of a speech or an embedding model must hold beside its graphs."""

MAX_CONFIG_BYTES = 16 * 1024 * 1024

_VARIANTS = ("", "fp32", "optimized", "quantized", "q8", "int8", "uint8", "fp16", "q4", "q4f16", "bnb4")
"""Variants in the order in which they are preferred: exact ones, then those of 8, 16 and 4 bits. Others come last."""

SENTENCE_FILES = (
    "1_Pooling/config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
)
"""Files of sentence-transformers, which models have that are made for vectors."""

_TENSOR = re.compile(r"(?:^|/)(?:\w+_attr__value|onnx__\w+)$")

_TOKENIZER_FILES = frozenset(
    {
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
        "config.json",
        "generation_config.json",
        "merges.txt",
        "preprocessor_config.json",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "spiece.model",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    }
)


def root_of(path: Path) -> Path:
    """The model's folder, which holds its ``config.json``: of a graph, of a folder of graphs, or the folder itself."""
    folder = path if path.is_dir() else path.parent
    is_inside = folder.name == GRAPHS_FOLDER and (folder.parent / "config.json").is_file()
    return folder.parent if is_inside else folder


def graphs_in(root: Path, stem: str) -> dict[str, Path]:
    """The graphs ``STEM*.onnx`` of the model in ``root`` by variant, the preferred one first."""
    folders = (root / GRAPHS_FOLDER, root)
    names = [file.relative_to(root).as_posix() for folder in folders for file in folder.glob(f"{stem}*{GRAPH_SUFFIX}")]
    return {variant: root / name for variant, name in variants_of(names, stem).items()}


def variants_of(paths: Iterable[str], stem: str) -> dict[str, str]:
    """The paths among ``paths`` that are the graph ``stem``, by variant, the preferred one first."""
    found: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: (not path.startswith(f"{GRAPHS_FOLDER}/"), path)):
        variant = variant_of(path, stem)
        if variant is not None and path.rpartition("/")[0] in ("", GRAPHS_FOLDER):
            found.setdefault(variant, path)
    return dict(sorted(found.items(), key=lambda item: (_rank(item[0]), item[0])))


def variant_of(path: str, stem: str) -> str | None:
    """The variant of the graph ``stem`` that a file is: ``q4`` for ``model_q4.onnx``; None for other files."""
    name = path.rpartition("/")[2]
    if not name.endswith(GRAPH_SUFFIX):
        return None
    name = name.removesuffix(GRAPH_SUFFIX)
    if name == stem:
        return ""
    return name.removeprefix(f"{stem}_") if name.startswith(f"{stem}_") else None


def has_architecture(config: dict[str, Any], *ends: str) -> bool:
    """Whether the architecture that a ``config.json`` names ends in one of ``ends``."""
    architectures = config.get("architectures")
    return isinstance(architectures, list) and any(
        isinstance(name, str) and name.endswith(ends) for name in architectures
    )


def is_for_vectors(root: Path) -> bool:
    """Whether the model in ``root`` is made for vectors, whatever its architecture."""
    return any((root / name).is_file() for name in SENTENCE_FILES)


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file of a model; an empty one if there is no such file.

    Raises:
        ModelError: the file cannot be read, is damaged, or larger than ``MAX_CONFIG_BYTES``.
    """
    return as_object(str(file), _read(file, {}))


def read_json_list(file: Path) -> list[Any]:
    """The list in a JSON file of a model; an empty one if there is no such file.

    Raises:
        ModelError: the file cannot be read, is damaged, or larger than ``MAX_CONFIG_BYTES``.
    """
    value = _read(file, [])
    if not isinstance(value, list):
        raise ModelError(f"{file}: expected a JSON list, got a value of another type")
    return value


def read_bytes(file: Path, max_bytes: int) -> bytes | None:
    """The content of a file of a model; None if there is no such file.

    Raises:
        ModelError: the file cannot be read, is none, or larger than ``max_bytes``.
    """
    if file.exists() and not (file.is_file() or file.is_dir()):  # a pipe would be waited for
        raise ModelError(f"{file}: expected a file, got something else")
    try:
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from None
    if len(content) > max_bytes:
        raise ModelError(f"{file}: expected at most {max_bytes} bytes, got more")
    return content


def parse_json(name: str, content: str | bytes) -> Any:
    """The value in the JSON file ``name``.

    Raises:
        ModelError: it is damaged.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ModelError(f"{name}: expected JSON, got values that are nested too deeply") from None
    except ValueError as error:
        raise ModelError(f"{name}: expected JSON, got a file with an error: {error}") from None


def as_object(name: str, value: Any) -> dict[str, Any]:
    """The value of the JSON file ``name``, which must be an object.

    Raises:
        ModelError: it is not one.
    """
    if not isinstance(value, dict):
        raise ModelError(f"{name}: expected a JSON object, got a value of another type")
    return value


def _read(file: Path, absent: Any) -> Any:
    """The value in a JSON file, ``absent`` if there is no file."""
    content = read_bytes(file, MAX_CONFIG_BYTES)
    return absent if content is None else parse_json(str(file), content)


def with_variant(listing: Listing, graphs: dict[str, str]) -> str | None:
    """The graph of a repository that the user's pattern names, by its variant, name or path; without one the preferred.

    Returns None if the pattern names none.
    """
    pattern = listing.pattern.lower()
    if not pattern:
        return next(iter(graphs.values()), None)
    if pattern in graphs:
        return graphs[pattern]
    matching = {file.path for file in listing.matching(GRAPH_SUFFIX)}
    return next((path for path in graphs.values() if path in matching and has_word(path, pattern)), None) or next(
        (path for path in graphs.values() if path in matching), None
    )


def with_weights(listing: Listing, graph: str) -> list[HubFile]:
    """The file of a graph, and those of its weights."""
    return [file for file in listing.files if file.path == graph or is_weights_of(file.path, graph)]


def is_weights_of(path: str, graph: str) -> bool:
    """Whether a file may have weights of ``graph``.

    Exporters call them after the graph (``model.onnx_data``, ``model.onnx.data_2``), or after what they are in it
    (``Constant_7_attr__value``, ``onnx__MatMul_12``), without saying of which graph in the folder.
    """
    if path.startswith((f"{graph}_data", f"{graph}.data")):
        return True
    return path.rpartition("/")[0] == graph.rpartition("/")[0] and _TENSOR.search(path) is not None


def check_settings(listing: Listing) -> None:
    """Check that a repository has what models are recognised by, before anything is fetched.

    Raises:
        ModelError: it has not.
    """
    names = {file.path for file in listing.files}
    missing = [name for name in SETTINGS if name not in names]
    if missing:
        raise ModelError(f"hf:{listing.repo}: expected {' and '.join(missing)} beside the ONNX model, got none")


def settings_files(files: Sequence[HubFile], folder: str = "") -> list[HubFile]:
    """The files of tokenizer and settings in a folder of a repository; ``config.json`` first."""
    found = [file for file in files if file.path.removeprefix(folder) in _TOKENIZER_FILES]
    return sorted(found, key=lambda file: (file.path != f"{folder}config.json", file.path))


def _rank(variant: str) -> int:
    return _VARIANTS.index(variant) if variant in _VARIANTS else len(_VARIANTS)
