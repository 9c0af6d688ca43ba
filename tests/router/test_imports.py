"""The front process stays light: it must restart in a moment, and nothing native may crash it."""

from __future__ import annotations

import subprocess
import sys

FORBIDDEN = ("llama_cpp", "llguidance", "numpy", "torch", "workers")


def test_the_router_imports_no_inference_library() -> None:
    code = f"""
import router.__main__, router.app, router.jobs.broker, sys
print([name for name in {FORBIDDEN} if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"
