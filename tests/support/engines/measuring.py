"""``python -m tests.support.engines.measuring SETTINGS``: load an engine, and print what the process takes, in bytes.

``SETTINGS`` are a model's, as JSON. Processes that the engine started count too.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import psutil

from shared.engines.registry import find_engine
from shared.settings import ModelSettings


def resident_bytes(model: ModelSettings) -> int:
    """What a process that loads the model takes, with those beside it."""
    command = [sys.executable, "-m", "tests.support.engines.measuring", model.model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


def _measure(model: ModelSettings) -> int:
    importlib.import_module("workers.__main__")
    spec = find_engine(model.engine)
    assert spec is not None
    module, _, function = spec.factory.partition(":")
    engine = getattr(importlib.import_module(module), function)(model, 2, "cpu")
    engine.load(lambda fraction: None)
    sandbox = getattr(engine, "_sandbox", None)
    if sandbox is not None:
        sandbox.open()  # that of a text engine is still being made, and takes its memory later
    worker = psutil.Process()
    taken = sum(process.memory_info().rss for process in [worker, *worker.children(recursive=True)])
    engine.close()
    return taken


if __name__ == "__main__":
    print(_measure(ModelSettings.model_validate_json(sys.argv[1])), flush=True)
    os._exit(0)
