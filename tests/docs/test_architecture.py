"""The life of a request in ``docs/architecture.md``, followed on a real server."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.documents import REPOSITORY
from tests.support.running_server import running

DOCUMENT = (REPOSITORY / "docs" / "architecture.md").read_text()
CALL_LOG = REPOSITORY / "tests" / "support" / "call_log"
CHAT = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
FINISH = "router/jobs/completion.py Completion.finish"
CLIENT_LEAVES = "router/jobs/completion.py Completion.stop"


def functions_of_the_table() -> list[str]:
    """All functions in the table, in its order, each after its file."""
    section = DOCUMENT.partition("## The life of a request\n")[2].partition("\n## ")[0]
    found = []
    for file, functions in re.findall(r"^\| .* \| `(.*\.py)` \| (.*) \|$", section, re.MULTILINE):
        found += [f"{file} {name}" for name in re.findall(r"`([\w.]+)\(\)`", functions)]
    return found


def test_a_request_goes_through_the_functions_of_the_table_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = functions_of_the_table()
    assert len(functions) > 30
    watched = tmp_path / "calls"
    watched.write_text("\n".join(functions))
    monkeypatch.setenv("NEXA_TEST_CALLS", str(watched))
    monkeypatch.setenv("PYTHONPATH", str(CALL_LOG))
    with running("smollm2") as server:
        began_at_ns = time.monotonic_ns()
        assert list(server.stream("/v1/chat/completions", CHAT))
    times_ns = defaultdict(list)
    for line in watched.with_suffix(".log").read_text().splitlines():
        at_ns, _, function = line.partition(" ")
        times_ns[function].append(int(at_ns))
    assert times_ns[FINISH]
    assert not times_ns[CLIENT_LEAVES]
    for function in functions:
        if function in (FINISH, CLIENT_LEAVES):  # a busy router may read the end before it has sent the beginning
            continue
        later_ns = [at_ns for at_ns in sorted(times_ns[function]) if at_ns >= began_at_ns]
        assert later_ns, f"{function} is not called after the functions above it"
        began_at_ns = later_ns[0]
