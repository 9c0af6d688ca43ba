from __future__ import annotations

from pathlib import Path

import pytest

from shared.models.adapters import AdapterFile
from tests.support.models.lora_adapters import make_adapters


@pytest.fixture(scope="session")
def adapters(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[AdapterFile, ...]:
    """Two adapters of SmolLM2 that change its answers, and one that changes nothing."""
    return make_adapters(model_path, tmp_path_factory.mktemp("adapters"))
