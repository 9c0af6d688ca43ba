"""Runs the programs, each in its environment, and keeps what they saw."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clients.environments import command_of, environment_of
from tests.support.clients.packages import PROGRAMS, ClientProgram

RUN_TIMEOUT_S = 200.0
AT_ONCE = 2
"""Programs that are installed or run at a time."""

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1"}
"""Of all programs; litellm would fetch its list of prices, and lm-eval look for data."""

CHAT_MODEL, SCRIPTED_MODEL, EMBEDDER = "smollm2", "scripted", "minilm"

QUESTIONS: dict[str, Any] = {
    "model": CHAT_MODEL,
    "thinker": SCRIPTED_MODEL,
    "embedder": EMBEDDER,
    "question": "In which city is the Eiffel Tower?",
    "weather": "What is the weather in Paris?",
    "story": "Write a very long story about a dragon, with many chapters.",
    "too_long": "word " * 3000,
    "texts": ["a cat", "a kitten", "the stock exchange"],
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
    "result": "21 degrees and sunny",
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}
"""What all programs ask."""


@dataclass(frozen=True)
class ServedAt:
    """Where the server is: its URL, one that leads there from another address, and the keys by name of row."""

    url: str
    other_url: str
    keys: dict[str, str]


Seen = dict[str, dict[str, dict[str, Any]]]
"""By row and feature: ``{"seen": …}`` or ``{"failed": traceback}``."""


def run_program(program: ClientProgram, task: dict[str, Any]) -> Any:
    """What a program, given its task as an argument, prints as JSON in its last line.

    Raises:
        RuntimeError: it could not be installed, or failed.
    """
    environment = environment_of(program)
    with tempfile.TemporaryDirectory(prefix="nexa-client-") as folder:
        return _printed([*command_of(program, environment, Path(folder)), json.dumps(task)], folder)


def run_file(program: ClientProgram, file: str, text: str) -> Any:
    """What another program prints, given a text on standard input, in the environment of ``program``.

    Raises:
        RuntimeError: it could not be installed, or failed.
    """
    python = environment_of(program) / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="nexa-client-") as folder:
        return _printed([str(python), str(PROGRAMS / file)], folder, text)


def _printed(command: list[str], folder: str, text: str = "") -> Any:
    # Clients write their settings and logs into the home folder.
    done = subprocess.run(
        command,
        cwd=folder,
        env={**ENVIRONMENT, "HOME": folder},
        input=text,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[1]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


class ClientRuns:
    """What each program saw; they run at the same time, in the order given."""

    def __init__(self, programs: Iterable[tuple[ClientProgram, ServedAt]], pool: ThreadPoolExecutor) -> None:
        self._runs: dict[str, Future[Seen]] = {}
        for program, served in programs:
            task = {**QUESTIONS, "url": served.url, "other_url": served.other_url, "keys": served.keys}
            self._runs[program.file] = pool.submit(run_program, program, task)

    def of(self, program: ClientProgram) -> Seen:
        """What a program saw; waits for it."""
        return self._runs[program.file].result()


@contextmanager
def client_runs(
    programs: Iterable[tuple[ClientProgram, ServedAt]], also_install: Iterable[ClientProgram] = ()
) -> Iterator[ClientRuns]:
    """The runs of programs; those that have not begun at the end of the block are not begun.

    What else is to be installed is so after them, while other tests go on.
    """
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        runs = ClientRuns(programs, pool)
        for program in also_install:
            pool.submit(environment_of, program)
        yield runs
    finally:
        pool.shutdown(cancel_futures=True)
