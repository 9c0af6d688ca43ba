"""``docs/adding.md`` is followed to the letter: its toys are added to a copy of the code, which is then run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import PRODUCT, REPOSITORY, hunks
from tests.support.running_server import RunningServer, running

DOCUMENT = (REPOSITORY / "docs" / "adding.md").read_text()
COPIED = (*PRODUCT, "docs", "scripts", "tests", "pyproject.toml", "README.md")
CHECKED = (*PRODUCT, "tests/docs", "tests/support")
MATCHES = (
    "workers/link.py",
    "router/jobs/fairness/cost.py",
    "router/answers/submission.py",
    "workers/supervisor/display.py",
)
"""Where mypy names the missing cases of a message and of a kind of job."""

PARSE = """
import sys
from router.cli import main, server

def show(loaded):
    print(loaded.options.shout_mark, *(model.options.toy_repeats for model in loaded.models))
    sys.exit()

server.launch = show
main.main(sys.argv[1:])
"""

SEND_A_NOTE = """
import subprocess, sys
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.codec import encode
from shared.wire.messages import ROUTER_MESSAGES, Note
from shared.wire.supervision import WorkerState
from tests.support.router.router_end import RouterEnd

assert ROUTER_MESSAGES.decode(encode(Note("hello worker"))) == Note("hello worker")
router = RouterEnd()
model = ModelSettings(name="hello", kinds=(JobKind.TEXT,), engine="toy", path=sys.argv[1])
settings = ServerSettings(models=(model,), run_folder=str(router.folder))
settings.save()
arguments = ["--settings", str(settings.path), "--model", "hello", "--worker-name", "hello/0", "--worker-id", "worker"]
command = [sys.executable, "-m", "workers", *arguments]
worker = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
router.wait_for_heartbeat(lambda beat: beat.state is WorkerState.READY)
router.send(Note("hello worker"))
print(next(line for line in worker.stderr if "note" in line))
worker.kill()
worker.wait()
router.close()
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with everything added that the document shows."""
    root = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
        else:
            shutil.copy(source, root / name)
    changes = hunks(DOCUMENT)
    assert len(changes) > 30
    for change in changes:
        change.apply(root)
    return root


@pytest.fixture(scope="module")
def model(tree: Path) -> Path:
    path = tree / "hello.toy"
    path.write_text("hello world")
    return path


@pytest.fixture(scope="module")
def server(tree: Path, model: Path) -> Iterator[RunningServer]:
    """A real server of the changed code, with a model of the added engine."""
    with contextlib.chdir(tree), running(f"{model}@toy_repeats=2", "--shout-mark", "?!") as started:
        yield started


def run(tree: Path, *arguments: str, variables: dict[str, str] | None = None) -> str:
    """Run Python in the changed code; returns its output."""
    environment = {**os.environ, "PYTHONPATH": str(tree), **(variables or {})}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_changed_code_passes_the_checks(tree: Path) -> None:
    cache = REPOSITORY / ".mypy_cache"
    if cache.exists():  # saves most of a minute
        shutil.copytree(cache, tree / ".mypy_cache")
    run(tree, "-m", "ruff", "check", "--no-cache", *CHECKED)
    run(tree, "-m", "ruff", "format", "--no-cache", "--check", *CHECKED)
    run(tree, "-m", "mypy", *PRODUCT)
    assert unmatched(tree) == {*MATCHES}


def unmatched(tree: Path) -> set[str]:
    """The files in which mypy misses a case, if the cases that the document adds are left out."""
    left_out = [word for path in MATCHES for word in ("--shadow-file", path, str(REPOSITORY / path))]
    command = [sys.executable, "-m", "mypy", *left_out, *PRODUCT]
    said = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=200, check=False).stdout
    return {line.partition(":")[0] for line in said.splitlines() if "assert_never" in line}


def test_the_changed_code_passes_the_tests_that_the_document_relies_on(tree: Path) -> None:
    contracts = "tests/test_house.py::test_imports_point_down_and_never_in_circles"
    tests = ("tests/docs/test_wire.py", "tests/scripts/test_grafana.py", "tests/shared/test_kinds.py", contracts)
    run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


def test_an_endpoint_is_served_by_the_added_engine_with_the_options_that_were_given(server: RunningServer) -> None:
    assert server.post("/v1/shout", {"text": "say it"}) == {"text": "HELLO WORLD HELLO WORLD?!"}


def test_an_api_of_chats_is_served_whole_and_as_a_stream(server: RunningServer) -> None:
    whole = server.client.post("/v1/talk", json={"say": "hello", "mood": "good"})
    assert whole.json() == {"answer": "hello world hello world", "thought": ""}
    assert whole.headers["X-Nexa-Warning"] == "mood: ignored"
    streamed = server.client.post("/v1/talk", json={"say": "hello", "stream": True})
    assert streamed.headers["content-type"] == "application/x-ndjson"
    *words, end = map(json.loads, streamed.text.splitlines())
    assert "".join(word["word"] for word in words) == "hello world hello world"
    assert end == {}


def test_an_endpoint_is_documented(server: RunningServer) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    assert {"/v1/shout", "/v1/count"} <= set(paths)


def test_a_kind_of_job_is_counted_by_its_engine_and_shown_at_the_start(server: RunningServer) -> None:
    assert server.post("/v1/count", {"text": "one two three"}) == {"words": 3}
    assert server.client.get("/v1/models").json()["data"][0]["kinds"] == ["text", "count"]
    assert f"{server.url}/v1/count" in server.output()


def test_metrics_are_exported(server: RunningServer) -> None:
    server.post("/v1/shout", {"text": "say it"})
    lines = server.client.get("/metrics").text.splitlines()
    (choices,) = (line for line in lines if line.startswith('nexa_choices_total{model="hello"}'))
    assert float(choices.split()[-1]) >= 1
    assert 'nexa_worker_loading_ratio{model="hello",worker="hello/0"} 1.0' in lines


@pytest.mark.parametrize(
    ("words", "variables", "toml", "shown"),
    [
        ("--shout-mark ! --toy-repeats 2", {}, "", "! 2"),
        ("", {"NEXA_SHOUT_MARK": "!", "NEXA_TOY_REPEATS": "2"}, "", "! 2"),
        ("", {}, 'shout_mark = "!"\ntoy_repeats = 2', "! 2"),
        ("", {}, 'toy_repeats = 2\n[models."hello.toy"]\ntoy_repeats = 3', " 3"),
    ],
)
def test_options_come_from_command_line_environment_and_file(
    tree: Path, words: str, variables: dict[str, str], toml: str, shown: str
) -> None:
    config = tree / "nexa.toml"
    config.write_text(toml)
    model = [] if "[models" in toml else ["hello.toy"]
    arguments = ["server", *model, *words.split(), "--config", str(config)]
    assert run(tree, "-c", PARSE, *arguments, variables=variables) == f"{shown}\n"


def test_options_are_in_the_table_of_the_documentation(tree: Path) -> None:
    table = run(tree, "-m", "router.cli.options_table")
    assert "| `--shout-mark MARK` | `NEXA_SHOUT_MARK` | `shout_mark` |" in table
    assert "| `--toy-repeats N` | `NEXA_TOY_REPEATS` | `toy_repeats` |" in table


def test_options_are_in_the_settings_file(server: RunningServer) -> None:
    process = Path(f"/proc/{server.router_pid()}")
    command = (process / "cmdline").read_bytes().decode().split("\0")
    descriptor = Path(command[command.index("--settings") + 1]).name
    settings = json.loads((process / "fd" / descriptor).read_text())
    assert settings["shout_mark"] == "?!"
    assert settings["models"][0]["toy_repeats"] == 2


def test_a_message_is_packed_unpacked_and_received_by_a_worker(tree: Path, model: Path) -> None:
    assert "hello worker" in run(tree, "-c", SEND_A_NOTE, str(model))
