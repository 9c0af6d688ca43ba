"""The first minutes on a machine with nothing but Debian 12, in a folder; as root, with debootstrap.

Seconds, CPU seconds and downloaded bytes are printed (pytest -s); they depend on the machine and are not checked.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chroot.bare_machine import BareMachine, FinishedCommand
from tests.support.chroot.debian import kept_folder, require_root_and
from tests.support.documents import REPOSITORY
from tests.support.running_server import free_port, wait_until

HOSTILE = """
#include <stdio.h>
__attribute__((constructor)) static void run(void) { FILE *f = fopen("/hostile-was-here", "w"); if (f) fclose(f); }
int ggml_backend_score(void) { return 1000000; }
"""
SETUP_S = 3000


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[BareMachine]:
    require_root_and("debootstrap", "unshare", "chroot", "git")
    yield BareMachine(tmp_path / "root")
    shutil.rmtree(tmp_path / "root", ignore_errors=True)


@pytest.fixture(scope="module")
def wheels() -> Path:
    """Our wheels of llama.cpp; made once for each state of what makes them."""
    require_root_and("debootstrap", "c++")
    sources = [*sorted((REPOSITORY / "scripts/lean_build").glob("*.*")), REPOSITORY / "scripts/make_wheels.py"]
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = kept_folder() / f"wheels-{state}"
    if not list(folder.glob("*.whl")):
        make = [sys.executable, "-m", "scripts.make_wheels", "--folder", str(folder), "llama-cpp-python"]
        subprocess.run(make, cwd=REPOSITORY, check=True, timeout=SETUP_S)
    return folder


def install_what_is_missing(machine: BareMachine, **variables: str) -> str:
    """Run the command that the set-up names, and return what it said was missing."""
    told = machine.run("scripts/setup.sh", 60, **variables)
    assert told.code == 1, told.output
    assert not (machine.root / "root/nexa/.venv").exists()
    (command,) = re.findall(r"^    (apt-get .*)$", told.output, re.MULTILINE)
    installed = machine.run(command, 600, DEBIAN_FRONTEND="noninteractive")
    assert installed.code == 0, installed.output
    report("installing what was missing", installed)
    return told.output


def report(what: str, ended: FinishedCommand) -> None:
    print(f"\n{what}: {ended.seconds:.0f} s, {ended.cpu_seconds:.0f} CPU s")


def downloaded_bytes(output: str) -> int:
    return sum(int(float(size) * 1e6) for size in re.findall(r"downloaded ([\d.]+) MB in", output))


def first_answer(machine: BareMachine, folder: str = "/root/nexa") -> str:
    """Start the server, ask it, and return its log."""
    port, log, started_at_s = free_port(), machine.root / "log", time.monotonic()
    start = f"cd {folder} && exec /root/nexa/.venv/bin/nexa server smollm2 --port {port}"
    with log.open("wb") as output:
        command = machine.command("bash", "-c", start)
        server = subprocess.Popen(command, env=machine.environment(), stdout=output, stderr=output)
    try:
        wait_until(lambda: server.poll() is not None or answers(port), f"{log.read_text()}", timeout_s=120)
        assert server.poll() is None, log.read_text()
        body = json.dumps({"prompt": "Once upon a time", "max_tokens": 4}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/completions", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["choices"][0]["text"]
        print(f"start and first answer: {time.monotonic() - started_at_s:.1f} s")
    finally:
        server.kill()
        server.wait(60)
    return log.read_text()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as ready:
            return bool(ready.status == 200)
    except OSError:
        return False


@pytest.mark.timeout(2 * SETUP_S)
def test_a_bare_machine_compiles_and_answers(machine: BareMachine) -> None:
    told = install_what_is_missing(machine)
    assert "Python 3.11 or later" in told
    assert "a C++ compiler" in told
    ended = machine.run("scripts/setup.sh", SETUP_S)
    assert ended.code == 0, ended.output
    report("setup by compiling", ended)
    print(f"downloaded {downloaded_bytes(ended.output) / 1e6:.0f} MB")
    assert "lean build does not fit" not in ended.output
    (wheel,) = (machine.root / "root/.cache/nexa/wheels").glob("*/*.whl")
    assert wheel.stat().st_size < 4_000_000
    assert libraries(wheel) == ["libggml-base.so", "libggml-cpu.so", "libggml.so", "libllama.so", "libmtmd.so"]
    first_answer(machine)
    again = machine.run("scripts/setup.sh", 60)
    assert (again.code, again.output) == (0, "")


@pytest.mark.timeout(2 * SETUP_S)
def test_wheels_need_no_compiler_and_run_nothing_of_the_current_folder(machine: BareMachine, wheels: Path) -> None:
    shutil.copytree(wheels, machine.root / "root/wheels")
    (wheel,) = wheels.glob("llama_cpp_python-*.whl")
    assert "-py3-none-manylinux_2_" in wheel.name
    assert wheel.stat().st_size <= 6_000_000
    cpus = ["alderlake", "haswell", "icelake", "skylakex", "x64", "zen4"]
    own = [name for name in libraries(wheel) if not name.startswith("libgomp")]
    cpu_libraries = [f"libggml-cpu-{cpu}.so" for cpu in cpus]
    assert own == ["libggml-base.so", *cpu_libraries, "libggml.so", "libllama.so", "libmtmd.so"]

    told = install_what_is_missing(machine, NEXA_WHEELS="/root/wheels")
    assert "compiler" not in told
    ended = machine.run("scripts/setup.sh", SETUP_S, NEXA_WHEELS="/root/wheels")
    assert ended.code == 0, ended.output
    report("setup from wheels", ended)
    bytes_ = downloaded_bytes(ended.output)
    print(f"downloaded {bytes_ / 1e6:.0f} MB")
    assert bytes_ <= 160_000_000
    assert machine.run("command -v c++ g++ gcc cc", 60).code != 0

    hostile = machine.root / "root/elsewhere/libggml-cpu-evil.so"
    hostile.parent.mkdir()
    compile_hostile(hostile)
    shutil.copy(hostile, machine.root / "root/nexa/.venv/bin/libggml-cpu-evil.so")
    log = first_answer(machine, "/root/elsewhere")
    assert re.search(rf"variant for the CPU ({'|'.join(cpus)})\b", log), log
    assert not (machine.root / "hostile-was-here").exists()
    remembered = machine.run("scripts/setup.sh", 60)
    assert (remembered.code, remembered.output) == (0, "")


def compile_hostile(path: Path) -> None:
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(path), "-"]
    subprocess.run(command, input=HOSTILE, text=True, check=True, timeout=60)


def libraries(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(Path(name).name for name in archive.namelist() if ".so" in Path(name).suffixes)
