from __future__ import annotations

# Before stable_diffusion_cpp: the package sets how that library's threads wait.
import workers.diffusion  # noqa: F401

# isort: split
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tiny_sd import tiny_sd
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    """The small checkpoint with random weights."""
    return tiny_sd()


@pytest.fixture(scope="session")
def lora_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for LoRA files."""
    return tmp_path_factory.mktemp("loras")


@pytest.fixture(scope="module")
def engine(checkpoint: Path, lora_folder: Path) -> Iterator[DiffusionEngine]:
    """The small checkpoint, loaded."""
    engine = DiffusionEngine(DiffusionOptions(str(checkpoint), "tiny", threads=2, lora_folder=str(lora_folder)))
    engine.load(lambda fraction: None)
    yield engine
    engine.close()
