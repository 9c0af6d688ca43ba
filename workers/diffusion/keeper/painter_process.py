"""A process that paints: one picture after another, with weights that it shares with its keeper."""

from __future__ import annotations

import logging
import signal
import socket
import threading

from PIL import Image

from shared.parent import die_with_parent
from workers.diffusion.keeper.log_lines import LineToWorker, sendable
from workers.diffusion.keeper.messages import (
    Noted,
    NotPainted,
    Painted,
    Previewed,
    SamplingBegins,
    Stepped,
    block_of,
)
from workers.diffusion.keeper.orders import ToEnlarge, receive_order
from workers.diffusion.painter import STACK_BYTES
from workers.diffusion.painting import Listener, OrderRefused, PaintError, PictureModel
from workers.text.sandbox.limits import end_first

log = logging.getLogger("nexa.worker.diffusion")


def serve(connection: socket.socket, model: PictureModel) -> None:
    """Paint the pictures that are ordered, until the connection ends.

    The thread is a new one: OpenMP's threads belong to the thread that started them, and are not there after a fork.
    """
    die_with_parent()
    end_first()  # rather a picture is lost than the model
    for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
        signal.signal(number, signal.SIG_DFL)
    line = LineToWorker(connection)
    line.attach()
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=_paint_all, args=(connection, line, model))
    thread.start()
    threading.stack_size(0)
    thread.join()


def _paint_all(connection: socket.socket, line: LineToWorker, model: PictureModel) -> None:
    def show(step: int, image: Image.Image) -> None:
        line.say(Previewed(step, block_of(image)), image.tobytes())

    listener = Listener(
        on_sampling=lambda: line.say(SamplingBegins()),
        on_step=lambda step, steps: line.say(Stepped(step, steps)),
        on_preview=show,
        on_warning=lambda text: line.say(Noted(sendable(text))),
    )
    while (order := receive_order(connection)) is not None:
        try:
            if isinstance(order, ToEnlarge):
                image = model.enlarge(order.image, order.scale, listener)
            else:
                image = model.paint(order.painting, listener, order.preview_steps)
        except OrderRefused as error:
            line.say(NotPainted(sendable(str(error)), error.param))
        except PaintError as error:
            line.say(NotPainted(sendable(str(error))))
        except Exception:
            log.exception("picture failed")
            line.say(NotPainted("the worker's log has the reason"))
        else:
            line.say(Painted(block_of(image)), image.tobytes())
