"""all-MiniLM-L6-v2, loaded once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.make_minilm import minilm
from shared.kinds import JobKind
from tests.support.engines.encoding import loaded
from workers.engine import Engine


@pytest.fixture(scope="session")
def minilm_engine() -> Iterator[Engine]:
    with loaded(minilm(), JobKind.EMBEDDING) as engine:
        yield engine
