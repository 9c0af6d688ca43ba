from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """\
import os, signal, sys
from shared.signals import ignore_stray_signals
ignore_stray_signals()
os.kill(os.getpid(), signal.{0})
os.execv(sys.executable, [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.{0}); print('lives')"])
"""


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGTTOU"])
def test_stray_signals_end_neither_a_process_nor_its_children(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", CODE.format(name)], capture_output=True, text=True, check=True)
    assert done.stdout == "lives\n"
