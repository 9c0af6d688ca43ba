"""Text models in ONNX: folders of onnxruntime-genai, with ``genai_config.json``, and folders as the hub has them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from shared.engines.files import Candidate, HubFile, Listing, ModelFiles, has_word
from shared.engines.onnx import hub_text
from shared.engines.onnx.folders import EXTRA, GRAPH_SUFFIX, MODULE, read_json
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.kinds import JobKind

CONFIG = "genai_config.json"

_NOT_TEXT = {"whisper": "a speech model in onnxruntime-genai's form", "marian-ssru": "a translation model"}
"""Values of ``model.type`` that are not text models, and what such a model is."""

_NOT_SERVED = (".md", ".gitattributes", ".gitignore", ".png", ".jpg", ".py")
_PREFERRED_WORDS = ("cpu", "int4")


def _recognise(candidate: Candidate) -> ModelFiles | None:
    folder = _find_folder(candidate.path)
    if folder is None or not any(folder.glob(f"*{GRAPH_SUFFIX}")):
        graph = hub_text.find_graph(candidate.path)
        if graph is not None:
            return ModelFiles(graph, ONNX_TEXT.name, ONNX_TEXT.kinds)
    if folder is None:
        return None
    model = read_json(folder / CONFIG).get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    if not isinstance(kind, str):
        raise ModelError(f"{folder / CONFIG}: expected model.type, the architecture of a model, got none")
    if kind in _NOT_TEXT:
        raise ModelError(f"{folder}: expected a text model, got {_NOT_TEXT[kind]}")
    return ModelFiles(folder, ONNX_TEXT.name, ONNX_TEXT.kinds)


def _find_folder(path: Path) -> Path | None:
    """The folder with the settings: that of a file, the folder itself, or the only one in it, at most three deep."""
    folder = path if path.is_dir() else path.parent
    if (folder / CONFIG).is_file():
        return folder
    if not path.is_dir():
        return None
    found = sorted(file.parent for pattern in ("*", "*/*", "*/*/*") for file in folder.glob(f"{pattern}/{CONFIG}"))
    if len(found) > 1:
        names = ", ".join(str(inner.relative_to(folder)) for inner in found[:5])
        raise ModelError(f"{folder}: expected one ONNX text model, got {len(found)}; name one of them: {names}")
    return found[0] if found else None


def _choose(listing: Listing) -> list[HubFile]:
    with_graph = {file.path.rpartition("/")[0] for file in listing.files if file.path.endswith(GRAPH_SUFFIX)}
    configs = [file.path for file in listing.files if _is_config(file.path)]
    folders = sorted(path.removesuffix(CONFIG) for path in configs if path.rpartition("/")[0] in with_graph)
    if listing.pattern:
        folders = [folder for folder in folders if _names(folder, listing.pattern)]
    if not folders:
        return hub_text.choose(listing)
    folder = min(folders, key=_rank)
    files = [file for file in listing.files if _belongs(file.path, folder)]
    return sorted(files, key=lambda file: (file.path != folder + CONFIG, file.path))


def _is_config(path: str) -> bool:
    return path.rpartition("/")[2] == CONFIG


def _names(folder: str, pattern: str) -> bool:
    """Whether a pattern names a folder: its path, a glob, or words of it."""
    path = folder.rstrip("/").lower()
    wanted = pattern.lower().strip("/")
    is_path = path == wanted or path.startswith(f"{wanted}/") or fnmatchcase(f"{path}/{CONFIG}", wanted)
    return is_path or fnmatchcase(path, wanted) or has_word(path, wanted)


def _rank(folder: str) -> tuple[int, int, str]:
    missing = sum(not has_word(folder, word) for word in _PREFERRED_WORDS)
    return missing, len(folder), folder


def _belongs(path: str, folder: str) -> bool:
    """Whether a file is directly in a model's folder, and no document."""
    inner = path.removeprefix(folder)
    return path.startswith(folder) and "/" not in inner and not inner.lower().endswith(_NOT_SERVED)


ONNX_TEXT = EngineSpec(
    name="onnx-text",
    kinds=(JobKind.TEXT,),
    factory="workers.onnx.text.factory:create",
    extra=EXTRA,
    module=MODULE,
    opens=f"an onnxruntime-genai folder ({CONFIG}) or a decoder's (model.onnx, config.json, tokenizer.json)",
    onnx=True,
    recognise=_recognise,
    choose=_choose,
)
