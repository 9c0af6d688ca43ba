"""An engine with a made-up projector, over a model that is a hash function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engines.seeing import SeenProjector, seeing_engine
from workers.llama.engine import LlamaEngine


@pytest.fixture(params=[1, 4], ids=["plain positions", "positions in rows and columns"])
def projector(request: pytest.FixtureRequest) -> SeenProjector:
    return SeenProjector(sections=request.param)


@pytest.fixture
def engine(model_path: Path, projector: SeenProjector) -> Iterator[LlamaEngine]:
    with seeing_engine(model_path, projector) as opened:
        yield opened
