"""The machine, the versions and the builds of the engines that a run was measured with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

PACKAGES = ("llama-cpp-python", "xllamacpp")
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_BUILDS = {
    "llama-cpp-python": "import llama_cpp; print(llama_cpp.llama_print_system_info().decode())",
    "xllamacpp": "import xllamacpp; print(xllamacpp.get_system_info())",
}


def describe() -> dict[str, object]:
    """Machine and software, for results.json and the heading of the tables."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {"nexa-server": _own_version(), **{name: _version(name) for name in PACKAGES}},
        "builds": {name: _output([sys.executable, "-c", code]) for name, code in _BUILDS.items()},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _own_version() -> str:
    version: str = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"]
    commit = _output(["git", "-C", str(PROJECT.parent), "describe", "--always", "--dirty"])
    return f"{version} ({commit})" if commit else version


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _output(command: list[str]) -> str:
    """The output of a command on one line; empty if it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return " ".join(done.stdout.decode("utf-8", "replace").split())
