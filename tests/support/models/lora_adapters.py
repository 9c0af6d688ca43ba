"""Adapters of the embedded text model, with random weights."""

from __future__ import annotations

from pathlib import Path

from scripts.make_lora import write_adapter
from shared.models.adapters import AdapterFile

STRENGTHS = {"first": 0.5, "second": 0.5, "zero": 0.0}
"""Two that change the model's answers, and one that changes nothing."""


def make_adapters(model: Path, folder: Path) -> tuple[AdapterFile, ...]:
    """Write one for each of :data:`STRENGTHS` into a folder."""
    for seed, (name, strength) in enumerate(STRENGTHS.items()):
        write_adapter(model, folder / f"{name}.gguf", strength, seed=seed)
    return tuple(AdapterFile(name, str(folder / f"{name}.gguf")) for name in STRENGTHS)
