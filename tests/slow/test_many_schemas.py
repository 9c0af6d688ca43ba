"""A hundred random schemas and prompts: every call and every formatted answer satisfies its schema."""

from __future__ import annotations

from tests.support.random_schemas import satisfied_schemas
from tests.support.running_server import RunningServer


def test_a_hundred_schemas(server: RunningServer) -> None:
    assert satisfied_schemas(server, range(100)) == 100
