"""A router and a worker that are connected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.router.router_end import RouterEnd
from tests.support.workers.linked_worker import LinkedWorker


@pytest.fixture
def router() -> Iterator[RouterEnd]:
    router = RouterEnd()
    yield router
    router.close()


@pytest.fixture
def worker(router: RouterEnd) -> Iterator[LinkedWorker]:
    worker = LinkedWorker(router)
    yield worker
    worker.link.stop()
