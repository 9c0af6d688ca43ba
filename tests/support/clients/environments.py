"""An environment of its own for each client, made by pip or npm once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from tests.support.clients.packages import PROGRAMS, ClientProgram

INSTALL_TIMEOUT_S = 400.0
_COMPLETE = "complete"


def environment_of(program: ClientProgram) -> Path:
    """The folder of the environment, which is made if it is not in the cache.

    It is named after what is installed there, with all versions, and after the interpreter.
    """
    interpreter = _checked("node", "--version") if program.is_node else sys.version
    version = hashlib.sha256("\n".join((interpreter, sys.executable, *program.requirements)).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexa" / "clients"
    folder = cache / f"{program.name}-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{program.name}.lock"):
        if not (folder / _COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _install(program, folder)
            (folder / _COMPLETE).touch()
    return folder


def command_of(program: ClientProgram, environment: Path, folder: Path) -> list[str]:
    """The beginning of the command that runs the program; a ``folder`` for its files is filled if it needs one."""
    if not program.is_node:
        return [str(environment / "bin" / "python"), str(PROGRAMS / program.file)]
    for file in PROGRAMS.glob("*.mjs"):  # Node looks for packages beside the program
        shutil.copyfile(file, folder / file.name)
    (folder / "node_modules").symlink_to(environment / "node_modules")
    return [_path_of("node"), str(folder / program.file)]


def _install(program: ClientProgram, folder: Path) -> None:
    if program.is_node:
        (folder / "package.json").write_text('{"type": "module", "private": true}')
        options = ["--no-audit", "--no-fund", "--loglevel=error", "--save-exact"]
        _run(program, [_path_of("npm"), "install", *options, *program.requirements], folder)
        return
    _run(program, [sys.executable, "-m", "venv", "--without-pip", str(folder)], folder)
    options = ["--python", str(folder / "bin" / "python"), "--disable-pip-version-check", "--quiet"]
    _run(program, [sys.executable, "-m", "pip", *options, "install", *program.requirements], folder)


def _run(program: ClientProgram, command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        reason = "\n".join(done.stderr.strip().splitlines()[-5:]) or "no reason given"
        raise RuntimeError(f"{', '.join(program.requirements)} could not be installed: {reason}")


def _path_of(tool: str) -> str:
    path = shutil.which(tool)
    assert path is not None, f"{tool} is missing: apt-get install nodejs npm, or make test-clients as root"
    return path


def _checked(tool: str, *words: str) -> str:
    return subprocess.run([_path_of(tool), *words], capture_output=True, text=True, check=True).stdout
