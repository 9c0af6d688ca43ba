from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.models.searched_machine import SearchedMachine


@pytest.fixture
def machine(tmp_path: Path) -> SearchedMachine:
    return SearchedMachine(tmp_path)
