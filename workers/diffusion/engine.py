"""The image engine: stable-diffusion.cpp generates one picture at a time, in its own thread."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shared.distribution import how_to_install
from shared.engines.diffusion import DIFFUSION
from shared.wire.messages import EngineStats
from shared.wire.payloads import Progress, Started
from workers.diffusion.lora_fit import LoraFit
from workers.diffusion.options import DiffusionOptions
from workers.engine import Emitted, EngineInfo, EngineJob, EngineLoadError, WorkerMustEnd

if TYPE_CHECKING:
    from workers.diffusion.native import DiffusionModel
    from workers.diffusion.order import Order
    from workers.diffusion.painter import Painter

STEP_WAIT_S = 0.1
"""How long a step waits for progress."""

MIN_RELOAD_S = 1.0
"""Lower bound of the assumed time to load the model in a new process."""


class DiffusionEngine:
    """Serves the image jobs of one model, one after the other.

    The library cannot be interrupted within a picture. If a job is cancelled, its picture is finished and discarded if
    that takes less time than loading the model in a new process; otherwise this process ends.
    """

    def __init__(self, options: DiffusionOptions) -> None:
        self._options = options
        self._fit = LoraFit((options.model_path, *options.files.values()))
        self._waiting: deque[Order] = deque()
        self._running: Order | None = None
        self._cancelled_at_s = 0.0
        self._reload_s = MIN_RELOAD_S
        self._steps = 0
        self._model: DiffusionModel | None = None
        self._painter: Painter | None = None

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        try:
            from workers.diffusion.native import DiffusionModel
            from workers.diffusion.painter import Painter
        except ImportError as error:
            raise EngineLoadError(
                f"image models need more packages ({error}): {how_to_install(DIFFUSION.extra)}"
            ) from None
        except (OSError, RuntimeError) as error:  # the package's own library could not be loaded
            raise EngineLoadError(str(error)) from None
        for path in (self._options.model_path, *self._options.files.values()):
            if not Path(path).exists():
                raise EngineLoadError(f"{path}: no such file")
        began_at_s = time.monotonic()
        self._model = DiffusionModel(self._options, lambda fraction: report(0.95 * fraction))
        self._reload_s = max(MIN_RELOAD_S, time.monotonic() - began_at_s)
        self._painter = Painter(self._model, self._options.model_name)
        report(1.0)
        return EngineInfo(slots=1, context_tokens=0)

    def submit(self, job: EngineJob) -> list[Emitted]:
        from workers.diffusion.order import accept

        self._waiting.append(accept(job, self._options.lora_folder, self._fit))
        return []

    def cancel(self, job_id: str) -> None:
        self._waiting = deque(order for order in self._waiting if order.job_id != job_id)
        running = self._running
        if running is not None and running.job_id == job_id and not running.cancelled:
            running.cancelled = True
            self._cancelled_at_s = time.monotonic()
            self._end_if_too_slow()

    def has_work(self) -> bool:
        return self._running is not None or bool(self._waiting)

    def step(self) -> list[Emitted]:
        if self._running is None:
            if not self._waiting:
                return []
            assert self._painter is not None
            self._running = self._waiting.popleft()
            self._painter.paint(self._running)
            return [(self._running.job_id, Started(0, 0))]
        emitted = self._collect(self._running)
        if self._running is not None and self._running.cancelled:
            self._end_if_too_slow()
        return emitted

    def stats(self) -> EngineStats:
        return EngineStats(running=int(self._running is not None), waiting=len(self._waiting), steps=self._steps)

    def close(self) -> None:
        """Free the model. A picture in progress is left to the end of the process."""
        if self._model is None or self._painter is None:
            return
        if self._running is not None:
            self._model.detach()
            return
        self._painter.end()
        self._model.close()
        self._model = self._painter = None

    def _collect(self, order: Order) -> list[Emitted]:
        """The new events of the running order; waits up to ``STEP_WAIT_S`` for one."""
        assert self._painter is not None
        emitted: list[Emitted] = []
        try:
            event = self._painter.events.get(timeout=STEP_WAIT_S)
            while event is not None:
                self._steps += isinstance(event, Progress)
                if not order.cancelled:
                    emitted.append((order.job_id, event))
                event = self._painter.events.get_nowait()
            self._running = None
        except queue.Empty:
            pass
        return emitted

    def _end_if_too_slow(self) -> None:
        """Raise ``WorkerMustEnd`` if a new process would be ready before the cancelled picture is finished."""
        assert self._painter is not None
        passed_s = time.monotonic() - self._cancelled_at_s
        remaining_s = self._painter.timer.remaining_s()
        if (remaining_s or 0.0) > self._reload_s or passed_s > 2 * self._reload_s:
            raise WorkerMustEnd("finishing a cancelled picture would take longer than loading the model again")
