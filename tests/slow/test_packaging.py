"""The distribution, built and installed as pip does it, far from the source folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.running_server import free_port, wait_until

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--wheel-dir", str(folder), str(REPOSITORY)]
    subprocess.run(command, timeout=240, check=True)
    return next(folder.glob("nexa_server-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed wheel; its dependencies are those of these tests."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run(command, timeout=240, check=True)
    return folder


def environment(installed: Path) -> dict[str, str]:
    paths = [str(installed), sysconfig.get_paths()["purelib"]]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def nexa(installed: Path, folder: Path, *words: str) -> str:
    """What ``nexa`` prints, run from another folder."""
    command = [sys.executable, "-P", str(installed / "bin" / "nexa"), *words]
    ended = subprocess.run(
        command, env=environment(installed), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    tops = {"router", "workers", "shared"}
    expected = {
        str(path.relative_to(REPOSITORY)) for top in tops for path in (REPOSITORY / top).rglob("*") if path.is_file()
    }
    expected = {name for name in expected if _is_packed(name)}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == expected


def _is_packed(name: str) -> bool:
    return name.startswith("router/web/built/") or (name.endswith((".py", ".toml")) and "node_modules/" not in name)


def test_the_installed_command_lists_models_and_says_its_version(installed: Path, tmp_path: Path) -> None:
    assert nexa(installed, tmp_path, "--version").startswith("nexa ")
    assert "smollm2" in nexa(installed, tmp_path, "list")


def test_an_installed_server_answers(installed: Path, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-P", str(installed / "bin" / "nexa"), "server", "echo", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment(installed), cwd=tmp_path, stdout=log, stderr=log)
    try:
        ready = ["curl", "-sf", f"http://127.0.0.1:{port}/ready"]
        wait_until(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0, "the server serves")
        command = [
            *("curl", "-sS", f"http://127.0.0.1:{port}/v1/completions", "-H", "Content-Type: application/json"),
            *("-d", '{"prompt": "Tell me a story", "max_tokens": 4}'),
        ]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert '"result":"Tell me a story "' in asked.stdout
    finally:
        server.terminate()
        assert server.wait(60) == 0
