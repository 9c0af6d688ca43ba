"""The small Stable Diffusion checkpoint of the image engine's tests, created once and cached."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from filelock import FileLock

from scripts import make_tiny_sd


def tiny_sd() -> Path:
    """The checkpoint in the user's cache folder; created again when the script that writes it changes."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexa" / "tests"
    cache.mkdir(parents=True, exist_ok=True)
    version = hashlib.sha256(Path(make_tiny_sd.__file__).read_bytes()).hexdigest()[:12]
    path = cache / f"tiny-sd-{version}.gguf"
    with FileLock(cache / "tiny-sd.lock"):
        if not path.exists():
            make_tiny_sd.make_tiny_sd(path)
    return path
