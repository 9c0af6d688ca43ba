"""A broker with an embedding model and a reranker."""

from __future__ import annotations

import pytest

from tests.support.requests.embeddings import script_of
from tests.support.router.fake_broker import FakeBroker


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker(script=script_of)
