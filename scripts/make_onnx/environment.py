"""The throw-away environment: what turns weights into ONNX needs gigabytes that no server does."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from scripts.make_onnx.errors import MakingError

PINS = (
    "torch==2.13.0",
    "transformers==5.24.0",
    "sentence-transformers==6.2.0",
    "diffusers==0.42.1",
    "onnx==1.23.2",
    "onnx-ir==1.1.0",
    "onnxscript==0.7.2",
    "onnxruntime==1.32.0",
    "onnxruntime-genai==0.18.0",
    "accelerate==1.15.0",
    "gguf==0.19.0",
    "sentencepiece==0.2.3",
    "safetensors==0.8.0",
    "numpy==2.4.6",
)
"""All versions are exact: other ones may write other graphs."""

Say = Callable[[str], None]
"""Takes lines about the progress."""

_COMPLETE = "complete"
_FETCHING = re.compile(r"(?:Collecting|Processing) (?:\S*/)?(\S+)")


def cache_folder() -> Path:
    """Where the environment and the models are kept."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexa" / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment_folder() -> Path:
    """The folder of the environment, named after what is installed there and the interpreter."""
    told = "\n".join((*PINS, sys.version, sys.base_prefix))
    return cache_folder() / f"env-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def environment(say: Say) -> Path:
    """The interpreter of the environment, which is made if it is not in the cache.

    An installation that was interrupted goes on where it was.

    Raises:
        MakingError: pip could not install it.
    """
    folder = environment_folder()
    python = folder / "bin" / "python"
    with FileLock(cache_folder() / "env.lock"):
        if not (folder / _COMPLETE).exists():
            say("making the environment with torch and transformers (once; two minutes)")
            _checked([sys.executable, "-m", "venv", "--without-pip", str(folder)], say)
            _remove_broken(folder)
            options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--prefer-binary"]
            _checked([sys.executable, "-m", "pip", "--python", str(python), "install", *options, *PINS], say)
            (folder / _COMPLETE).touch()
            say(f"made {folder}")
    return python


def variables() -> dict[str, str]:
    """The environment variables of what runs there: no model hub, nothing of the user's own packages."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _remove_broken(folder: Path) -> None:
    """Remove what pip takes for installed packages of which it has not written all: their list of files comes last."""
    for about in folder.glob("lib/python*/site-packages/*.dist-info"):
        if not (about / "RECORD").exists():
            shutil.rmtree(about)


def _checked(command: list[str], say: Say) -> None:
    """Run a command, tell which packages it fetches, and fail with its last lines if it does."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines = [*lines[-20:], line.rstrip()]
            if found := _FETCHING.match(line.strip()):
                say(f"fetching {found[1]}")
            elif line.startswith("Installing"):
                say("installing the packages")
    if process.returncode:
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-3:]
        raise MakingError("the environment for ONNX models could not be made: " + "\n".join(errors))
