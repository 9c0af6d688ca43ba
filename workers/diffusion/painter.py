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
from workers.diffusion.painting import Listener, ModelLost, OrderRefused, PaintError, PictureModel
from workers.diffusion.pictures.enlarging import Enlargement
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
        self._orders: queue.SimpleQueue[Order | Enlargement | None] = queue.SimpleQueue()
        # One thread for all orders: OpenMP starts a team of threads for each thread that computes. It is a daemon,
        # because some models cannot be stopped within a picture, and the process must be able to exit.
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)
        former = threading.stack_size(STACK_BYTES)
        try:
            self._thread.start()
        finally:
            threading.stack_size(former)

    def paint(self, order: Order | Enlargement) -> None:
        """Queue ``order``."""
        self._orders.put(order)

    def end(self) -> None:
        """End the thread after the queued orders."""
        self._orders.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                self._paint(order)
            except ModelLost as error:
                self.lost = error
            except OrderRefused as error:
                self.events.put(Failed(400, str(error), error.param))
            except PaintError as error:
                self.events.put(Failed(500, f"the picture could not be generated: {error}"))
            except Exception:
                log.exception("picture failed", extra={"job": order.job_id})
                self.events.put(Failed(500, "the picture could not be generated; the worker's log has the reason"))
            self.events.put(None)

    def _paint(self, order: Order | Enlargement) -> None:
        if order.cancelled:
            return
        first_picture_s = 0.0
        if not order.delivered:
            made = self._picture(order) if isinstance(order, Order) else self._enlarged(order)
            self.events.put(made)
            first_picture_s = time.monotonic() - order.received_at_s
        self.events.put(Done(FinishReason.STOP, 0, 0, 0, first_picture_s))

    def _picture(self, order: Order) -> Picture:
        job = order.job
        painting = order.painting
        self.timer.begin(sum(order.passes), order.pixels)
        steps = _Steps(order, self.timer, self.events)
        reports = steps.on_sampling, steps.on_step, steps.on_preview
        listener = Listener(*reports, lambda: order.cancelled, order.warnings.append)
        image = order.canvas.cut(self._model.paint(painting, listener, order.preview_steps))
        if order.repainting is not None:
            image = order.repainting.laid_back(image)
        steps.finish()
        self.timer.end()
        sampler, scheduler = self._model.names_of(job.sampler, job.scheduler)
        text = parameters(job, self._model_name, sampler, scheduler)
        file = picture_file(image, job.format, job.compression, text)
        return Picture(job.seed, image.width, image.height, file, job.format, order.warnings)

    def _enlarged(self, order: Enlargement) -> Picture:
        job = order.job
        self.timer.begin(1, order.image.width * order.image.height)

        def on_tile(tile: int, tiles: int) -> None:
            if 0 < tile <= tiles:
                self.events.put(Progress(tile, tiles))

        listener = Listener(on_step=on_tile, is_cancelled=lambda: order.cancelled)
        image = self._model.enlarge(order.image, job.scale, listener)
        return Picture(0, image.width, image.height, picture_file(image, job.format, job.compression), job.format)


class _Steps:
    """Turns a model's progress on a picture into one event for each step.

    stable-diffusion.cpp also reports tensors read for a LoRA, before the steps, and reports some steps twice.
    """

    def __init__(self, order: Order, timer: StepTimer, events: queue.SimpleQueue[Payload | None]) -> None:
        self._passes = order.passes
        self._pass = 0
        self._steps = sum(order.passes)
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
        if not self._sampling:
            return
        before = sum(self._passes[: self._pass])
        if self._done == before + self._passes[self._pass] and self._pass + 1 < len(self._passes):
            if (step, steps) == (0, self._passes[self._pass + 1]):
                self._pass += 1
        elif steps == self._passes[self._pass] and before + step > self._done:
            self._timer.step(before + step)
            self._emit_up_to(before + step)

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
