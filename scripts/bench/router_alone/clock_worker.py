"""An echo worker whose tokens are their creation times, to measure how long each takes to the client.

python -m scripts.bench.router_alone.clock_worker --settings FILE --model NAME --worker-name NAME --worker-id ID
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from shared.parent import die_with_parent
from shared.settings import ServerSettings
from shared.wire.messages import EngineStats
from shared.wire.payloads import Tokens
from shared.wire.transport import Endpoints
from workers.engine import Emitted, EngineInfo, EngineJob
from workers.runtime import WorkerRuntime
from workers.testing.echo import EchoEngine


class ClockEngine:
    """The echo engine with each word replaced by the time in ns on the monotonic clock, which all processes share."""

    def __init__(self, echo: EchoEngine) -> None:
        self._echo = echo

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        return self._echo.load(report)

    def submit(self, job: EngineJob) -> list[Emitted]:
        return self._echo.submit(job)

    def cancel(self, job_id: str) -> None:
        self._echo.cancel(job_id)

    def has_work(self) -> bool:
        return self._echo.has_work()

    def step(self) -> list[Emitted]:
        emitted = self._echo.step()
        stamp = f"{time.monotonic_ns()} "
        return [(job, replace(what, text=stamp) if isinstance(what, Tokens) else what) for job, what in emitted]

    def stats(self) -> EngineStats:
        return self._echo.stats()

    def close(self) -> None:
        self._echo.close()


def main() -> int:
    """Run the worker until it is drained."""
    parser = argparse.ArgumentParser(description="An echo worker that emits the time.")
    parser.add_argument("--settings", type=Path, required=True)
    for name in ("--model", "--worker-name", "--worker-id"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    die_with_parent()
    settings = ServerSettings.load(options.settings)
    model = next(model for model in settings.models if model.name == options.model)
    engine = ClockEngine(EchoEngine(model.slots, model.step_s))
    endpoints = Endpoints.in_folder(Path(settings.run_folder))
    WorkerRuntime(engine, options.worker_id, options.worker_name, model.name, "cpu", endpoints).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
