"""One server with the embedded model for all tests that do not harm it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e.running_server import RunningServer, running


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """``nexa server smollm2`` with one worker."""
    with running("smollm2") as ready:
        yield ready
