from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from tests.support.sockets import KeptSockets


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="nx"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context = KeptSockets()
    yield context
    for sock in context.made:
        sock.close(linger=0)
    context.term()
