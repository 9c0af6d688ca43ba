"""``scripts/setup.sh`` on machines that lack something, played by a folder of the few programs that they have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import REPOSITORY

TOOLS = ("bash", "basename", "cat", "dirname", "grep", "ls", "paste", "sed", "sort", "tr", "uname")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: a machine with Python and nothing to compile with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    (folder / "python3").symlink_to(sys.executable)
    return folder


def add(programs: Path, name: str, text: str = "exit 0") -> None:
    """Add a program, which is a shell script."""
    (programs / name).write_text(f"#!{programs / 'bash'}\n{text}\n")
    (programs / name).chmod(0o755)


def setup(programs: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the script in an empty copy of the repository, so that there is no ``.venv``."""
    copy = programs.parent / "copy"
    if not copy.exists():
        shutil.copytree(REPOSITORY / "scripts" / "setup", copy / "scripts" / "setup")
        shutil.copytree(REPOSITORY / "scripts" / "lean_build", copy / "scripts" / "lean_build")
        for name in ("scripts/setup.sh", "pyproject.toml"):
            shutil.copy(REPOSITORY / name, copy / name)
    ended = subprocess.run(
        [str(programs / "bash"), str(copy / "scripts/setup.sh"), *words],
        env={"PATH": str(programs), "HOME": str(programs.parent), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not (copy / ".venv").exists()
    return ended


def command_in(message: str) -> str:
    return next(line.strip() for line in message.splitlines() if line.startswith("    "))


SUDO = "" if os.geteuid() == 0 else "sudo "


def test_all_that_is_missing_is_told_at_once(programs: Path) -> None:
    add(programs, "apt-get")
    (programs / "python3").unlink()
    ended = setup(programs)
    assert ended.returncode == 1
    assert "setup:   Python 3.11 or later, as python3 or as what PYTHON names\n" in ended.stderr
    assert "setup:   a C++ compiler\n" in ended.stderr
    install = f"{SUDO}apt-get install -y --no-install-recommends g++ python3 python3-venv"
    assert command_in(ended.stderr) == f"{SUDO}apt-get update && {install}"


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", f"apt-get update && {SUDO}apt-get install -y --no-install-recommends g++"),
        ("dnf", "dnf install -y gcc-c++"),
        ("zypper", "zypper install -y gcc-c++"),
        ("pacman", "pacman -S --needed gcc"),
        ("apk", "apk add build-base linux-headers"),
    ],
)
def test_the_command_is_that_of_the_distribution(programs: Path, manager: str, command: str) -> None:
    add(programs, manager)
    assert command_in(setup(programs).stderr) == SUDO + command


def test_without_a_known_distribution_there_is_no_command(programs: Path) -> None:
    ended = setup(programs)
    assert ended.stderr == "setup: missing:\nsetup:   a C++ compiler\nsetup: install it, then run this again\n"


def test_an_old_python_is_told_by_its_version(programs: Path) -> None:
    add(programs, "apt-get")
    add(programs, "old", 'if [[ $1 == --version ]]; then echo "Python 3.9.2"; else exit 1; fi')
    ended = setup(programs, PYTHON="old")
    assert "Python 3.11 or later: old is Python 3.9.2; PYTHON may name another" in ended.stderr
    assert "python3.11 python3.11-venv" in command_in(ended.stderr)


def test_a_python_without_venv_is_told(programs: Path) -> None:
    add(programs, "apt-get")
    add(programs, "bare", f'[[ $2 != *ensurepip* ]] && exec "{sys.executable}" "$@"; exit 1')
    ended = setup(programs, PYTHON="bare")
    assert "setup:   the module venv of bare\n" in ended.stderr
    assert command_in(ended.stderr).endswith(" bare-venv g++")


def test_with_wheels_no_compiler_is_asked_for(programs: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    add(programs, "apt-get")
    add(programs, "bare", f'[[ $2 != *ensurepip* ]] && exec "{sys.executable}" "$@"; exit 1')
    assert "a C++ compiler" in setup(programs, PYTHON="bare", NEXA_WHEELS=str(wheels)).stderr
    (wheels / "llama_cpp_python-0.3.36-py3-none-any.whl").touch()
    told = setup(programs, PYTHON="bare", NEXA_WHEELS=str(wheels)).stderr
    assert told.startswith("setup: missing:\nsetup:   the module venv of bare\nsetup: this command")


def test_a_gpus_tools_are_asked_for(programs: Path) -> None:
    add(programs, "apt-get")
    add(programs, "c++")
    ended = setup(programs, NEXA_BACKEND="cuda", CUDA_PATH="/missing")
    assert ended.stderr.count("setup:   ") == 1
    assert "setup:   the CUDA toolkit (nvcc)\n" in ended.stderr
    assert command_in(ended.stderr).endswith(" nvidia-cuda-toolkit")


def test_vulkan_asks_for_its_packages_and_a_version(programs: Path) -> None:
    add(programs, "apt-get")
    add(programs, "c++")
    ended = setup(programs, NEXA_BACKEND="vulkan")
    assert "and headers, 1.3.272 or later" in ended.stderr
    assert command_in(ended.stderr).endswith(" glslc libvulkan-dev spirv-headers")
    assert setup(programs, "nonsense", NEXA_BACKEND="vulkan", VULKAN_SDK="/sdk").stderr.startswith("setup: extra: ")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("NEXA_BACKEND", "opencl", "NEXA_BACKEND: expected cpu, cuda or vulkan, got opencl"),
        ("NEXA_WHEELS", "/missing", "NEXA_WHEELS: expected a folder or a URL, got /missing"),
    ],
)
def test_a_wrong_choice_is_refused(programs: Path, variable: str, value: str, message: str) -> None:
    ended = setup(programs, **{variable: value})
    assert (ended.returncode, ended.stderr) == (1, f"setup: {message}\n")


def test_an_unknown_extra_is_refused(programs: Path) -> None:
    add(programs, "c++")
    ended = setup(programs, "speach")
    expected = "expected smollm2, speech, whisper-base, gemma3-base, images, onnx, telemetry, bench or dev, got speach"
    assert expected in ended.stderr


def test_the_flags_of_a_backend_are_added_to_those_for_the_cpu(programs: Path) -> None:
    flags = setup(programs, "--cmake-args", NEXA_BACKEND="vulkan").stdout
    assert "-DGGML_NATIVE=OFF -DGGML_SSE42=" in flags
    assert flags.endswith(" -DGGML_VULKAN=ON\n")
    own = setup(programs, "--cmake-args", NEXA_BACKEND="cuda", NEXA_CMAKE_ARGS="-DGGML_NATIVE=ON").stdout
    assert own.endswith(" -DGGML_NATIVE=ON -DGGML_CUDA=ON\n")


def test_images_get_their_own_names_of_gpus_and_the_same_cpu(programs: Path) -> None:
    flags = setup(programs, "--cmake-args", "stable-diffusion-cpp-python", NEXA_BACKEND="vulkan").stdout
    assert "images.cmake" in flags
    assert flags.endswith(" -DSD_VULKAN=ON\n")
