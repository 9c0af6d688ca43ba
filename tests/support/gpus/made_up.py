"""GPUs that a test makes up for all processes of a real server: a stand-in answers in the place of NVIDIA's driver."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from unittest import mock

from tests.support.gpus.driver.pynvml import GPUS_VARIABLE, nvmlDeviceGetUUID

DRIVER_FOLDER = Path(__file__).parent / "driver"


@contextlib.contextmanager
def made_up_gpus(sizes_bytes: Sequence[int], held_bytes: Mapping[str, int] | None = None) -> Iterator[None]:
    """Let servers that are started meanwhile find GPUs of these sizes, all of them free.

    ``held_bytes`` is what a worker of a model seems to hold of each of its GPUs, by the model's name.
    """
    gpus = [{"total_bytes": size, "free_bytes": size} for size in sizes_bytes]
    with tempfile.NamedTemporaryFile("w", prefix="nexa-gpus-", suffix=".json") as file:
        json.dump({"gpus": gpus, "held_bytes": dict(held_bytes or {})}, file)
        file.flush()
        found = os.pathsep.join(filter(None, [str(DRIVER_FOLDER), os.environ.get("PYTHONPATH", "")]))
        with mock.patch.dict(os.environ, {GPUS_VARIABLE: file.name, "PYTHONPATH": found}):
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            yield


def visible_to(pid: int) -> list[str]:
    """The devices that a process was told to use, as in ``cuda:1``."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    value = next((entry for entry in entries if entry.startswith(b"CUDA_VISIBLE_DEVICES=")), b"").decode()
    shown = value.removeprefix("CUDA_VISIBLE_DEVICES=").split(",")
    names = {nvmlDeviceGetUUID(index): f"cuda:{index}" for index in range(16)}
    return [names[uuid] for uuid in shown if uuid]
