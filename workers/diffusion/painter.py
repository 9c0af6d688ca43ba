"""The thread that generates pictures, one order after another, and reports every step."""

from __future__ import annotations

import logging
import queue
import threading
import time

from PIL import Image

from shared.wire.payloads import Done, Failed, FinishReason, Payload, Picture, Progress
from workers.diffusion.metadata import parameters
from workers.diffusion.order import Order
from workers.diffusion.painting import Listener, ModelLost, PaintError, PictureModel
from workers.diffusion.pictures.files import picture_file
from workers.diffusion.step_timer import StepTimer

STACK_BYTES = 256 * 1024 * 1024
"""The painter's stack, of which only what is used takes memory. The regular expressions of stable-diffusion.cpp recurse
for each byte of a prompt; the usual 8 MiB end the process within 40 kB."""

log = logging.getLogger("nexa.worker.diffusion")


class Painter:
    """Works through orders in its own thread, because the call of a model lasts as long as a picture.

    ``events`` receives each order's events, then ``None`` when the order has ended in any way. ``timer`` estimates how
    long the current picture still takes. ``lost`` is set once the model can paint no more.
    """

    def __init__(self, model: PictureModel, model_name: str) -> None:
        self.events: queue.SimpleQueue[Payload | None] = queue.SimpleQueue()
        self.timer = StepTimer()
        self.lost: ModelLost | None = None
        self._model = model
        self._model_name = model_name
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        # One thread for all orders: OpenMP starts a team of threads for each thread that computes. It is a daemon,
        # because some models cannot be stopped within a picture, and the process must be able to exit.
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)
        former = threading.stack_size(STACK_BYTES)
        try:
            self._thread.start()
        finally:
            threading.stack_size(former)

    def paint(self, order: Order) -> None:
        """Queue ``order``."""
        self._orders.put(order)

    def end(self) -> None:
        """End the thread after the queued orders."""
        self._orders.put(None)
        self._thread.join()

    def _run(self) -> None:
        for order in iter(self._orders.get, None):
            try:
                self._paint(order)
            except ModelLost as error:
                self.lost = error
            except PaintError as error:
                self.events.put(Failed(500, f"the picture could not be generated: {error}"))
            except Exception:
                log.exception("picture failed", extra={"job": order.job_id})
                self.events.put(Failed(500, "the picture could not be generated; the worker's log has the reason"))
            self.events.put(None)

    def _paint(self, order: Order) -> None:
        if order.cancelled:
            return
        first_picture_s = 0.0
        if not order.delivered:
            self.events.put(self._picture(order))
            first_picture_s = time.monotonic() - order.received_at_s
        self.events.put(Done(FinishReason.STOP, 0, 0, 0, first_picture_s))

    def _picture(self, order: Order) -> Picture:
        job = order.job
        painting = order.painting
        self.timer.begin(order.steps, painting.job.width * painting.job.height)
        steps = _Steps(order, self.timer, self.events)
        listener = Listener(steps.on_sampling, steps.on_step, steps.on_preview, lambda: order.cancelled)
        image = order.canvas.cut(self._model.paint(painting, listener, order.preview_steps))
        if order.repainting is not None:
            image = order.repainting.laid_back(image)
        steps.finish()
        self.timer.end()
        sampler, scheduler = self._model.names_of(job.sampler, job.scheduler)
        text = parameters(job, self._model_name, sampler, scheduler)
        file = picture_file(image, job.format, job.compression, text)
        return Picture(job.seed, image.width, image.height, file, job.format, order.warnings)


class _Steps:
    """Turns a model's progress on a picture into one event for each step.

    stable-diffusion.cpp also reports tensors read for a LoRA, before the steps, and reports some steps twice.
    """

    def __init__(self, order: Order, timer: StepTimer, events: queue.SimpleQueue[Payload | None]) -> None:
        self._steps = order.steps
        self._canvas = order.canvas
        self._format, self._compression = order.job.format, order.job.compression
        self._preview_steps = order.preview_steps
        self._previews: dict[int, bytes] = {}
        self._timer = timer
        self._events = events
        self._done = 0
        self._sampling = False

    def on_step(self, step: int, steps: int) -> None:
        """Handle a progress report."""
        if self._sampling and steps == self._steps and step > self._done:
            self._timer.step(step)
            self._emit_up_to(step)

    def on_preview(self, step: int, image: Image.Image) -> None:
        """Keep a preview for its step. Previews are small and are scaled to the picture's size."""
        if step in self._preview_steps and step not in self._previews:
            whole = self._canvas.cut(image.resize(self._canvas.painted, Image.Resampling.BICUBIC))
            self._previews[step] = picture_file(whole, self._format, self._compression)

    def finish(self) -> None:
        """Emit the steps that were not reported: the picture is finished."""
        self._emit_up_to(self._steps)

    def on_sampling(self) -> None:
        """The first step begins."""
        self._sampling = True
        self._timer.sampling()

    def _emit_up_to(self, step: int) -> None:
        for done in range(self._done + 1, step + 1):
            self._events.put(Progress(done, self._steps, self._previews.get(done, b"")))
        self._done = max(self._done, step)
