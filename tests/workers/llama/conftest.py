from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_lora import write_adapter
from shared.models.adapters import AdapterFile


@pytest.fixture(scope="session")
def adapters(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[AdapterFile, ...]:
    """Two adapters of SmolLM2 that change its answers, and one that changes nothing."""
    folder = tmp_path_factory.mktemp("adapters")
    strengths = {"first": 0.5, "second": 0.5, "zero": 0.0}
    for seed, (name, strength) in enumerate(strengths.items()):
        write_adapter(model_path, folder / f"{name}.gguf", strength, seed=seed)
    return tuple(AdapterFile(name, str(folder / f"{name}.gguf")) for name in strengths)
