"""The server that all clients share, and what each client saw of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clients.other_address import forwarded
from tests.support.clients.packages import BATCHES, CLIENTS, LM_EVAL
from tests.support.clients.runs import ClientRuns, ServedAt, client_runs
from tests.support.clients.served import ClientServer, served
from tests.support.clients.table import printed_rows


@pytest.fixture(scope="session")
def client_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientServer]:
    with served(
        [*(row.name for row in printed_rows()), LM_EVAL.name, BATCHES], tmp_path_factory.mktemp("clients")
    ) as server:
        yield server


@pytest.fixture(scope="session")
def runs(client_server: ClientServer, request: pytest.FixtureRequest) -> Iterator[ClientRuns]:
    """The runs of all programs that the chosen tests need."""
    wanted = {
        item.callspec.params["program"].file
        for item in request.session.items
        if hasattr(item, "callspec") and "program" in item.callspec.params
    }
    programs = [program for program in CLIENTS if program.file in wanted]
    addresses = [f"127.0.0.{index}" for index in range(2, 2 + len(programs))]
    with forwarded(client_server.server.port, addresses) as urls:
        tasks = [
            (program, ServedAt(client_server.server.url, url, client_server.keys))
            for program, url in zip(programs, urls, strict=True)
        ]
        lm_eval = [LM_EVAL] if any("lm_eval" in item.name for item in request.session.items) else []
        with client_runs(tasks, lm_eval) as started:
            yield started
