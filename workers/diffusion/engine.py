"""The image engine: one picture at a time, in a thread of its own, whatever computes it."""

from __future__ import annotations

import queue
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.wire.messages import EngineStats
from shared.wire.payloads import Failed, Progress, Started
from workers.engine import Emitted, EngineInfo, EngineJob, WorkerMustEnd

if TYPE_CHECKING:
    from workers.diffusion.order import Order
    from workers.diffusion.painter import Painter
    from workers.diffusion.painting import PictureModel
    from workers.diffusion.pictures.enlarging import Enlargement
    from workers.diffusion.rules import OrderRules

STEP_WAIT_S = 0.1
"""How long a step waits for progress."""

MIN_RELOAD_S = 1.0
"""Lower bound of the assumed time to load the model in a new process."""


class PictureEngine(ABC):
    """Serves the image jobs of one model, one after the other.

    A picture that would take longer than ``max_picture_s`` (0: no limit) is stopped as soon as that shows.

    If a job is cancelled whose picture cannot be interrupted, it is finished and discarded if that takes less time than
    loading the model in a new process; otherwise this process ends.
    """

    def __init__(self, model_name: str, rules: OrderRules, max_picture_s: float = 0.0) -> None:
        self._model_name = model_name
        self._rules = rules
        self._max_picture_s = max_picture_s
        self._begun_at_s = 0.0
        self._waiting: deque[Order | Enlargement] = deque()
        self._running: Order | Enlargement | None = None
        self._cancelled_at_s = 0.0
        self._can_interrupt = False
        self._reload_s = MIN_RELOAD_S
        self._steps = 0
        self._model: PictureModel | None = None
        self._painter: Painter | None = None

    @abstractmethod
    def open_model(self, report: Callable[[float], None]) -> PictureModel:
        """Load the model, calling ``report`` with the fraction loaded.

        Raises:
            EngineLoadError: the model cannot be loaded.
        """

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        began_at_s = time.monotonic()
        self._model = self.open_model(lambda fraction: report(0.95 * fraction))
        self._reload_s = max(MIN_RELOAD_S, time.monotonic() - began_at_s)
        from workers.diffusion.painter import Painter

        self._painter = Painter(self._model, self._model_name)
        report(1.0)
        return EngineInfo(slots=1, context_tokens=0, images=self._rules.info)

    def submit(self, job: EngineJob) -> list[Emitted]:
        from workers.diffusion.order import accept

        self._waiting.append(accept(job, self._rules))
        return []

    def cancel(self, job_id: str) -> None:
        self._waiting = deque(order for order in self._waiting if order.job_id != job_id)
        running = self._running
        if running is not None and running.job_id == job_id and not running.cancelled:
            self._stop(running)
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
            self._begun_at_s = time.monotonic()
            return [(self._running.job_id, Started(0, 0))]
        if self._running.cancelled:
            self._end_if_too_slow()
        emitted = self._collect(self._running)
        if self._running is not None and not self._running.cancelled:
            emitted += self._stopped_if_too_long(self._running)
        return emitted

    def stats(self) -> EngineStats:
        return EngineStats(running=int(self._running is not None), waiting=len(self._waiting), steps=self._steps)

    def close(self) -> None:
        """Free the model. A picture in progress that cannot be interrupted is left to the end of the process."""
        if self._model is None or self._painter is None:
            return
        if self._running is not None:
            self._running.cancelled = True
            if not self._model.interrupt():
                self._model.detach()
                return
        self._painter.end()
        self._model.close()
        self._model = self._painter = None

    def held_bytes(self) -> int:
        """Resident memory of the model's other processes."""
        return 0 if self._model is None else self._model.held_bytes()

    def _collect(self, order: Order | Enlargement) -> list[Emitted]:
        """The new events of the running order; waits up to ``STEP_WAIT_S`` for one.

        Raises:
            ModelLost: no picture can be painted any more.
        """
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
        if self._painter.lost is not None:
            raise self._painter.lost
        return emitted

    def _stop(self, running: Order | Enlargement) -> None:
        running.cancelled = True
        self._cancelled_at_s = time.monotonic()
        assert self._model is not None
        self._can_interrupt = self._model.interrupt()

    def _stopped_if_too_long(self, running: Order | Enlargement) -> list[Emitted]:
        """The end of the running picture, which is stopped, if it would take longer than any may."""
        assert self._painter is not None
        if not self._max_picture_s:
            return []
        total_s = time.monotonic() - self._begun_at_s + (self._painter.timer.remaining_s() or 0.0)
        if total_s <= self._max_picture_s:
            return []
        self._stop(running)
        took = f"it would take about {total_s:,.0f} s, and this server allows {self._max_picture_s:,.0f} s"
        message = f"the picture takes too long: {took} (max_picture_s); fewer steps or pixels take less"
        return [(running.job_id, Failed(400, message, code="picture_too_long"))]

    def _end_if_too_slow(self) -> None:
        """Raise ``WorkerMustEnd`` if a new process would be ready before the cancelled picture is finished."""
        assert self._painter is not None
        if self._can_interrupt:
            return
        passed_s = time.monotonic() - self._cancelled_at_s
        remaining_s = self._painter.timer.remaining_s()
        if (remaining_s or 0.0) > self._reload_s or passed_s > 2 * self._reload_s:
            raise WorkerMustEnd("finishing a cancelled picture would take longer than loading the model again")
