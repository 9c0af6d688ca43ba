"""Workload g, the bursty mix of all: runs ``scripts/locustfile.py`` headless and reads its figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.measurements.figures import CellFigures
from scripts.bench.workloads.arrivals import DRAIN_S

LOCUSTFILE = Path(__file__).parents[2] / "locustfile.py"
USERS = 26
"""Twice the sum of the weights of the user classes."""

START_S = 60.0


class BurstsFailed(Exception):
    """locust wrote no figures; the message holds the end of its output."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """Duration and mean arrival rate of the workload."""

    duration_s: float = 120.0
    rate_per_s: float = 1.0

    def measure(self, url: str, model: str, api_key: str, call_form: str, seed: str = "1") -> CellFigures:
        """Run the workload against one server; returns its cell.

        Raises:
            BurstsFailed: locust itself failed. Failed requests are counted in the cell.
        """
        with tempfile.TemporaryDirectory() as folder:
            cell = Path(folder, "cell.json")
            command = self._command(url, cell, ["--model", model, "--call-form", call_form, "--seed", seed])
            done = subprocess.run(
                command,
                env=_environment(api_key),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=self.duration_s + DRAIN_S + 2 * START_S,
                check=False,
            )
            if not cell.exists():
                raise BurstsFailed(
                    f"locust ended with exit code {done.returncode}: {done.stdout[-1000:].decode('utf-8', 'replace')}"
                )
            figures: CellFigures = json.loads(cell.read_text())
            return figures

    def _command(self, url: str, cell: Path, options: list[str]) -> list[str]:
        command = [sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE), "--headless", "--only-summary"]
        command += ["--host", url, "--users", str(USERS), "--spawn-rate", str(USERS)]
        command += ["--run-time", f"{self.duration_s:.0f}s", "--stop-timeout", f"{DRAIN_S + START_S:.0f}"]
        command += ["--every", str(USERS / self.rate_per_s), "--cell", str(cell)]
        return command + options


def _environment(api_key: str) -> dict[str, str]:
    """This environment without variables that would set locust's options."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "NEXA_"))}
    return kept | ({"NEXA_API_KEY": api_key} if api_key else {})
