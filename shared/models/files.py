"""Recognise a model by its files: of which kind it is, which engine runs it, which path that engine is given."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.gguf.header import GGUFHeader, read_gguf_header
from shared.models.source import MODEL_SUFFIXES, ModelError

ModelKind = Literal["text", "image", "speech"]
Engine = Literal["llama", "diffusion", "whisper", "onnx"]
ModelFormat = Literal["gguf", "safetensors", "ckpt", "ctranslate2", "onnx"]

_DIFFUSION_ARCHITECTURES = frozenset(
    ("aura", "chroma", "cosmos", "flux", "hidream", "lumina2", "qwen_image", "sd1", "sd2", "sd3", "sdxl", "z_image")
)
_DIFFUSION_TENSORS = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.", "double_blocks.")
_PART_PATTERN = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf", re.IGNORECASE)
_ACCEPTED = (
    ".gguf, .safetensors, .ckpt or .onnx files, and folders that hold one of them or a CTranslate2 whisper model "
    "(model.bin and config.json)"
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A recognised model; ``path`` is what its engine opens (the first part of a split GGUF, or a folder)."""

    path: Path
    kind: ModelKind
    engine: Engine
    format: ModelFormat


def inspect_model(path: Path) -> ModelFiles:
    """Recognise the model at ``path`` (a file or a folder) and check that it is whole as far as that is cheap.

    Raises :class:`ModelError` for files that no engine here takes and ``GGUFError`` for a damaged GGUF.
    """
    if path.is_dir():
        return _inspect_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return ModelFiles(path, _onnx_kind(path.parent), "onnx", "onnx")
    if suffix == ".safetensors":
        return ModelFiles(path, "image", "diffusion", "safetensors")
    if suffix == ".ckpt":
        return ModelFiles(path, "image", "diffusion", "ckpt")
    return _inspect_gguf(path)


def split_parts(name: str) -> list[str]:
    """Names of all parts of the split GGUF that ``name`` is a part of; ``[name]`` when it is not split."""
    match = _PART_PATTERN.fullmatch(name)
    count = int(match["parts"]) if match else 0
    if match is None or count == 0:
        return [name]
    return [f"{match['stem']}-{part:05}-of-{count:05}{name[-5:]}" for part in range(1, count + 1)]


def _inspect_folder(folder: Path) -> ModelFiles:
    if (folder / "model.bin").is_file() and (folder / "config.json").is_file():
        return ModelFiles(folder, "speech", "whisper", "ctranslate2")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in MODEL_SUFFIXES and file.is_file())
    ggufs = [file for file in files if file.suffix.lower() == ".gguf" and "mmproj" not in file.name.lower()]
    firsts = [file for file in ggufs if split_parts(file.name)[0] == file.name] or ggufs[:1]
    if len(firsts) == 1:
        return inspect_model(firsts[0])
    if firsts:
        names = ", ".join(file.name for file in firsts[:5])
        raise ModelError(f"folder {folder} holds {len(firsts)} GGUF models, name one of them: {names}")
    if any(file.suffix == ".onnx" for file in files) or any((folder / "onnx").glob("*.onnx")):
        return ModelFiles(folder, _onnx_kind(folder), "onnx", "onnx")
    checkpoints = [file for file in files if file.suffix.lower() in (".safetensors", ".ckpt")]
    if len(checkpoints) == 1 and not (folder / "config.json").exists():
        return inspect_model(checkpoints[0])
    raise ModelError(f"folder {folder} holds no model that can be served; accepted are {_ACCEPTED}")


def _inspect_gguf(path: Path) -> ModelFiles:
    names = split_parts(path.name)
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        raise ModelError(f"{path.name} is one of {len(names)} parts, and {len(missing)} are missing: {missing[0]}")
    headers = [read_gguf_header(path.parent / name) for name in names]
    first = headers[0]
    if first.architecture == "whisper":
        raise ModelError(f"{path.name} is a whisper GGUF; speech models are accepted as CTranslate2 folders")
    if first.architecture == "clip":
        raise ModelError(f"{path.name} is the image projector of a multimodal model, not a model of its own")
    if _is_diffusion(first):
        return ModelFiles(first.path, "image", "diffusion", "gguf")
    if first.architecture is None:
        raise ModelError(f"{path.name} does not say which architecture it has (general.architecture is missing)")
    return ModelFiles(first.path, "text", "llama", "gguf")


def _is_diffusion(header: GGUFHeader) -> bool:
    if header.architecture is not None:
        return header.architecture in _DIFFUSION_ARCHITECTURES
    return any(tensor.name.startswith(_DIFFUSION_TENSORS) for tensor in header.tensors)


def _onnx_kind(folder: Path) -> ModelKind:
    if (folder / "model_index.json").exists():
        return "image"
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return "text"
    return "speech" if isinstance(config, dict) and config.get("model_type") == "whisper" else "text"
