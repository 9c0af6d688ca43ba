"""Stores of models as other programs write them, in a folder of a test."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path

OLLAMA_LAYER = "application/vnd.ollama.image."
LONG_AGO_S = 1_700_000_000


def write_old(path: Path, content: bytes | str = b"") -> Path:
    """Write a file, with its folders, as if that had been long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return path


def ollama_model(root: Path, name: str, layers: Mapping[str, bytes]) -> Path:
    """Write a model into Ollama's store: ``name`` is HOST/OWNER/NAME/TAG, ``layers`` are contents by kind."""
    listed = []
    for kind, content in layers.items():
        digest = hashlib.sha256(content).hexdigest()
        write_old(root / "blobs" / f"sha256-{digest}", content)
        listed.append({"mediaType": OLLAMA_LAYER + kind, "digest": f"sha256:{digest}", "size": len(content)})
    manifest = {"schemaVersion": 2, "config": {"digest": "sha256:0", "size": 1}, "layers": listed}
    return write_old(root / "manifests" / name, json.dumps(manifest))


def hub_repository(cache: Path, repo: str, files: Mapping[str, bytes | str], commit: str = "a" * 40) -> Path:
    """Write a repository into the hub's cache: links of one commit to contents. Returns the folder of the commit."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    write_old(folder / "refs" / "main", commit)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        blob = write_old(folder / "blobs" / hashlib.sha256(data).hexdigest(), data)
        link = folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return folder / "snapshots" / commit


def safetensors(*names: str) -> bytes:
    """A safetensors file of tensors with one number each."""
    header = {name: {"dtype": "F32", "shape": [1], "data_offsets": [n * 4, n * 4 + 4]} for n, name in enumerate(names)}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * (4 * len(names))


IMAGE_CHECKPOINT = safetensors(
    "model.diffusion_model.joint_blocks.0.weight", "text_encoders.t5xxl.weight", "first_stage_model.weight"
)
"""A whole Stable Diffusion 3."""

WHISPER_FOLDER: Mapping[str, bytes | str] = {
    "model.bin": b"\x06\0\0\0\x0c\0WhisperSpec\0\x03\0\0\0" + b"\0" * 64,
    "config.json": "{}",
    "tokenizer.json": "{}",
}
"""The files of a model for CTranslate2, without its weights."""
