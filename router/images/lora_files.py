"""The LoRA files of the server's folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePath

LORA_SUFFIXES = frozenset({".safetensors", ".gguf", ".pt"})
MAX_LORAS = 10_000
"""Files of a folder that are listed."""


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A file of a LoRA folder. ``name`` is what requests call it, ``modified_at_s`` a Unix time."""

    name: str
    file: str
    size_bytes: int
    modified_at_s: float


def lora_files(folder: str) -> list[LoraFile]:
    """The LoRAs of a folder by their names; none of a folder that cannot be read. Blocks on the disk."""
    found: list[LoraFile] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = PurePath(entry.name)
                if path.suffix in LORA_SUFFIXES and entry.is_file() and len(found) < MAX_LORAS:
                    facts = entry.stat()
                    found.append(LoraFile(path.stem, path.name, facts.st_size, facts.st_mtime))
    except OSError:
        return sorted(found, key=lambda lora: lora.file)
    return sorted(found, key=lambda lora: lora.file)
