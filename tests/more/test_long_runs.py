"""Minutes of load: with faults, and until a process that grows would show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LOSSES = ("--drop", "0.02", "--delay", "0.02")


def script(module: str, *arguments: str) -> str:
    """What the script prints, which ends well."""
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["echo", "smollm2"])
def test_no_client_is_wronged_in_a_minute_of_faults(model: str) -> None:
    assert "violations: 0" in script("scripts.chaos", "--model", model, "--seconds", "60", *LOSSES)


@pytest.mark.timeout(1800)
def test_no_process_grows_in_ten_minutes_of_load() -> None:
    script("scripts.soak")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("options", [(), ("--onnx",)])
def test_no_worker_dies_of_5000_random_picture_orders(options: tuple[str, ...]) -> None:
    assert "deaths: 0" in script("scripts.picture_fuzz", "--orders", "5000", *options)


@pytest.mark.timeout(600)
def test_nobody_sees_the_secret_of_another_in_two_minutes_of_deaths() -> None:
    assert "secrets seen by others: 0" in script("scripts.isolation", "--seconds", "120")
