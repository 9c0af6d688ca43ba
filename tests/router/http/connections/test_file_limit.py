from __future__ import annotations

import logging
import resource

import pytest

from router.http.connections.connection_limits import ConnectionLimits
from router.http.connections.file_limit import (
    MIN_FILES,
    SPARE_FILES,
    TooFewFiles,
    require_files,
    within_file_limit,
)

Raised = list[tuple[int, int]]


@pytest.fixture
def raised(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Raised:
    """The limits that are set; ``param`` is the soft and the hard one that are found."""
    raised: Raised = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: request.param)
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: raised.append(pair))
    return raised


@pytest.mark.parametrize(
    ("raised", "connections", "raised_to"),
    [
        ((1024, 4096), 4096 - SPARE_FILES, [(4096, 4096)]),
        ((4096, 4096), 4096 - SPARE_FILES, []),
        ((1024, 1 << 20), 10_000, [(10_000 + SPARE_FILES, 1 << 20)]),
        ((1 << 20, 1 << 20), 10_000, []),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 10_000, []),
        ((64, 64), 1, []),
    ],
    indirect=["raised"],
)
def test_connections_are_limited_by_the_open_files_limit_and_that_is_said(
    raised: Raised, connections: int, raised_to: Raised, caplog: pytest.LogCaptureFixture
) -> None:
    assert within_file_limit(ConnectionLimits()).max_connections == connections
    assert raised == raised_to
    said = [(line.getMessage(), vars(line)["expected"]) for line in caplog.records if line.levelno == logging.WARNING]
    expected = f"at least {10_000 + SPARE_FILES}"
    assert said == ([] if connections == 10_000 else [("limit of open files too low", expected)])


@pytest.mark.parametrize("raised", [(64, 1 << 20)], indirect=True)
def test_a_low_soft_limit_is_raised_to_what_every_process_needs(raised: Raised) -> None:
    require_files()
    assert raised == [(MIN_FILES, 1 << 20)]


@pytest.mark.parametrize("raised", [(64, 100)], indirect=True)
def test_a_hard_limit_with_which_no_server_runs_is_one_line(raised: Raised) -> None:
    with pytest.raises(TooFewFiles, match=r"^open files: expected a limit \(ulimit -n\) of at least 256, got 100$"):
        require_files()
