"""LoRA tags in prompts, ``<lora:name:weight>``: find their files in the LoRA folder and remove the tags."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.wire.payloads import JobError
from shared.wire.pictures import WantedLora

SUFFIXES = (".safetensors", ".gguf", ".pt")
MAX_WEIGHT = 10.0
MAX_LISTED = 20
"""Names listed in an error."""

_TAG = re.compile(r"<lora:([^<>]*)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA file and the weight with which it is applied."""

    path: Path
    weight: float


def take_loras(prompt: str, folder: str, wanted: Sequence[WantedLora] = ()) -> tuple[str, list[Lora]]:
    """``prompt`` without its LoRA tags, and the LoRAs that they name, with those that are ``wanted`` besides.

    A name is a file name in ``folder``, with or without its suffix. The default weight is 1; the weights of a LoRA that
    is named twice are added.

    Raises:
        JobError: the server has no LoRA folder, the file is not in it, or a weight is not a number from -10 to 10.
    """
    weights: dict[Path, float] = {}
    for lora in wanted:
        path = _find(lora.name, folder, "loras")
        if not abs(lora.weight) <= MAX_WEIGHT:
            raise JobError(400, f"loras: expected a weight from -10 to 10, got {lora.weight:g}", "loras")
        weights[path] = weights.get(path, 0.0) + lora.weight
    for content in _TAG.findall(prompt):
        name, _, weight = content.partition(":")
        path = _find(name.strip(), folder, "prompt")
        weights[path] = weights.get(path, 0.0) + _weight(weight.strip(), content)
    return _TAG.sub("", prompt), [Lora(path, weight) for path, weight in weights.items()]


def _weight(text: str, content: str) -> float:
    try:
        weight = float(text or "1")
    except ValueError:
        weight = math.nan
    if not abs(weight) <= MAX_WEIGHT:
        raise JobError(
            400,
            f"prompt: expected a LoRA weight from -10 to 10, as in <lora:name:0.8>, got <lora:{content[:80]}>",
            "prompt",
        )
    return weight


def _find(name: str, folder: str, field: str) -> Path:
    if not folder:
        raise JobError(400, f"{field}: LoRAs cannot be used, because this server has no LoRA folder", field)
    root = Path(folder).resolve()
    if name and not any(c in name for c in "/\\\0") and name not in (".", ".."):
        for candidate in (name, *(name + suffix for suffix in SUFFIXES)):
            path = (root / candidate).resolve()
            if path.parent == root and path.suffix in SUFFIXES and path.is_file():
                return path
    raise JobError(400, f"{field}: expected a LoRA of the server ({_listing(root)}), got {name[:80]!r}", field)


def _listing(root: Path) -> str:
    names = sorted(path.stem for path in root.glob("*") if path.suffix in SUFFIXES) if root.is_dir() else []
    if not names:
        return "its LoRA folder is empty"
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"{', '.join(names[:MAX_LISTED])}{more}"
