"""What is installed: nexa, llama.cpp's build, the extras, the models."""

from __future__ import annotations

import importlib.util
import json
import platform
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

from router.cli.doctor.findings import Finding, note, problem
from router.cli.models.rows import rows_of_everywhere
from shared.distribution import how_to_install, version
from shared.engines.registry import ENGINES
from shared.hub.sizes import rounded_bytes
from shared.hub.store import ModelStore
from shared.interpreter import child_environment, module_command

BUILD_TIMEOUT_S = 60.0
REBUILD = "make setup builds it for this machine (in the source folder, after rm .venv/nexa-setup)"
CUDA_BUILD = "NEXA_BACKEND=cuda make setup"
_OTHERS = {"media": ("PIL", "av"), "telemetry": ("opentelemetry.sdk",)}
"""Extras that no engine needs, and the modules of their packages."""


def examine_nexa() -> Finding:
    """The versions of nexa, Python and the system."""
    own = version() or "not installed, run from its folder"
    text = f"{own}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    return Finding("nexa", text, facts={"version": version(), "python": platform.python_version()})


def examine_build(features: list[str], nvidia: bool) -> Iterator[Finding]:
    """llama.cpp as it was built, beside the ``features`` of this processor and whether there is a GPU of NVIDIA's."""
    if importlib.util.find_spec("llama_cpp") is None:
        yield problem("llama.cpp", "not installed; texts need it", "pip install llama-cpp-python")
        return
    command = module_command("workers.llama.about")
    try:
        ended = subprocess.run(
            command, env=child_environment(), capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        yield problem("llama.cpp", f"did not load within {BUILD_TIMEOUT_S:.0f} s", REBUILD)
        return
    if ended.returncode == -signal.SIGILL:
        yield problem("llama.cpp", "built for another processor: it uses an instruction that this one lacks", REBUILD)
    elif ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        yield problem("llama.cpp", f"cannot be loaded: {last}", REBUILD)
    else:
        yield from judge_build(json.loads(ended.stdout), features, nvidia)


def judge_build(build: dict[str, Any], features: list[str], nvidia: bool) -> Iterator[Finding]:
    """What to think of a build, as ``workers.llama.about`` tells of it."""
    used = build["features"]
    unused = [feature for feature in features if feature not in used]
    devices = ", ".join(f"{device['name']} ({device['description']})" for device in build["devices"]) or "none found"
    text = f"{build['version']}, computes on {devices}; uses {', '.join(used)}"
    if unused:
        yield note("llama.cpp", f"{text}; does not use {', '.join(unused)}", REBUILD, **build)
    else:
        yield Finding("llama.cpp", text, facts=build)
    if nvidia and not build["gpu"]:
        yield note("llama.cpp", "built without CUDA: it does not use the GPU", CUDA_BUILD)


def examine_extras() -> Finding:
    """The extras whose packages are installed, and how the others are."""
    modules = {engine.extra: (engine.module,) for engine in ENGINES if engine.extra} | _OTHERS
    here = [extra for extra, needed in modules.items() if all(map(_is_installed, needed))]
    absent = [extra for extra in modules if extra not in here]
    text = ", ".join(here) or "none"
    if absent:
        text += f"; not installed: {', '.join(absent)}"
    text += " (ffmpeg is not needed: recordings are read by PyAV, which brings its own)"
    return Finding("extras", text, remedy=how_to_install(",".join(absent)) if absent else "", facts={"installed": here})


def examine_models() -> Finding:
    """The models on this machine, those of other programs too."""
    rows = [row for row in rows_of_everywhere(ModelStore(), ())[0] if row.here]
    if not rows:
        return problem("models", "none is here", "nexa server lists what could be downloaded")
    names = ", ".join(f"{row.name} ({rounded_bytes(row.size_bytes)})" for row in rows)
    return Finding("models", names, facts={"names": [row.name for row in rows]})


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is missing
        return False
