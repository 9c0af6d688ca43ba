"""A model in a process of its own, the keeper, which forks the processes that paint with it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress

import psutil
from PIL import Image

from shared.interpreter import child_environment, module_command
from shared.parent import PARENT_PID_VARIABLE
from shared.wire.codec import WireError
from workers.diffusion.keeper.messages import (
    FROM_KEEPER,
    FROM_PAINTER,
    CannotLoad,
    KeeperCommand,
    KeeperSetup,
    Loading,
    LogLine,
    Noted,
    NotPainted,
    Painted,
    PainterEnded,
    Previewed,
    SamplingBegins,
    Stepped,
    WeightsLoaded,
    receive_picture,
)
from workers.diffusion.keeper.orders import ToEnlarge, ToPaint
from workers.diffusion.loras import Lora
from workers.diffusion.options import DiffusionOptions
from workers.diffusion.painting import Listener, ModelLost, OrderRefused, PaintError, Painting
from workers.engine import EngineLoadError
from workers.forking import COMMAND
from workers.framing import receive, send

END_S = 5.0
"""Time that the keeper gets to end."""

log = logging.getLogger("nexa.worker.diffusion")


class KeptModel:
    """A loaded model, of which :meth:`interrupt` ends the picture in progress at once. See :class:`PictureModel`.

    A process paints several pictures, but none after one with LoRAs that has others: what was merged into its weights
    goes with it, exactly.
    """

    def __init__(self, options: DiffusionOptions, report: Callable[[float], None]) -> None:
        """Load the model, calling ``report`` with the fraction loaded.

        Raises:
            EngineLoadError: the model cannot be loaded.
        """
        self._control, theirs = socket.socketpair()
        with theirs:
            self._keeper = subprocess.Popen(
                module_command("workers.diffusion.keeper", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=child_environment() | {PARENT_PID_VARIABLE: str(os.getpid())},
            )
        self._numbers = 0
        self._connection: socket.socket | None = None
        self._loras: list[Lora] = []
        self._killed = 0
        try:
            with suppress(OSError):  # it has ended, and why is still to be read
                send(self._control, KeeperSetup.of(options))
            self._loaded = self._await_loaded(report)
        except EngineLoadError:
            self.close()
            raise

    @property
    def can_fork(self) -> bool:
        """Whether this works: with weights on a GPU it does not, and the model is to be closed."""
        return self._loaded.can_fork

    def names_of(self, sampler: str | None, scheduler: str | None) -> tuple[str, str]:
        """The sampler and the scheduler in use for a request; ``None`` stands for the model's default."""
        sampler = sampler or self._loaded.default_sampler
        return sampler, scheduler or self._loaded.default_schedulers.get(sampler, "unknown")

    def paint(self, painting: Painting, listener: Listener, preview_steps: frozenset[int]) -> Image.Image:
        """Generate the picture, in the job's size.

        Raises:
            PaintError: there is none: the library says why, or it ended the process that painted, or was interrupted.
            ModelLost: the model is lost.
        """
        return self._made(ToPaint(painting, preview_steps), painting.loras, listener)

    def enlarge(self, image: Image.Image, scale: float | None, listener: Listener) -> Image.Image:
        """The picture enlarged by the model's upscaler, ``scale`` times or by the upscaler's own factor.

        Raises:
            PaintError, ModelLost: as :meth:`paint`.
        """
        return self._made(ToEnlarge(image, scale), self._loras, listener)

    def _made(self, order: ToPaint | ToEnlarge, loras: list[Lora], listener: Listener) -> Image.Image:
        connection = self._painter_for(loras)
        if listener.is_cancelled():  # before there was a process to interrupt
            raise PaintError("it was cancelled")
        try:
            order.send(connection)
            image = self._follow(connection, listener)
        except (ConnectionError, WireError):  # the process has ended, perhaps within a message
            image = None
        if image is not None:
            return image
        ended_by = self._await_end()
        if listener.is_cancelled():
            raise PaintError("it was cancelled")
        raise PaintError(_explained(ended_by))

    def interrupt(self) -> bool:
        """End the process that paints. Any thread may call it, after ``is_cancelled`` has become true."""
        self._killed = self._numbers
        self._command(KeeperCommand.KILL, self._numbers)
        return True

    def held_bytes(self) -> int:
        """Resident memory of the other processes. What they share is counted once."""
        largest = 0
        with suppress(psutil.Error):
            keeper = psutil.Process(self._keeper.pid)
            largest = keeper.memory_info().rss
            for child in keeper.children():
                largest = max(largest, child.memory_info().rss)
        return largest

    def close(self) -> None:
        """Free the model. No picture may be in progress."""
        if self._connection is not None:
            self._connection.close()
        self._control.close()
        try:
            self._keeper.wait(END_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()

    def detach(self) -> None:
        """Nothing is to be done: this process does not compute."""

    def _await_loaded(self, report: Callable[[float], None]) -> WeightsLoaded:
        while True:
            match self._from_keeper():
                case Loading(fraction=fraction):
                    report(fraction)
                case WeightsLoaded() as loaded:
                    return loaded
                case CannotLoad(reason=reason):
                    raise EngineLoadError(reason)
                case None:
                    code = self._keeper.wait()
                    raise EngineLoadError(f"stable-diffusion.cpp ended the process that loaded it ({_named(-code)})")
                case PainterEnded():
                    pass

    def _painter_for(self, loras: list[Lora]) -> socket.socket:
        """The connection to a process that can paint with these LoRAs."""
        if self._connection is not None and self._killed == self._numbers:  # cancelled when it had just finished
            self._await_end()
        if self._connection is not None and self._loras and self._loras != loras:
            self._connection.shutdown(socket.SHUT_RDWR)
            self._await_end()
        if self._connection is None:
            self._numbers += 1
            self._connection, theirs = socket.socketpair()
            with theirs:
                self._command(KeeperCommand.FORK, self._numbers, theirs)
        self._loras = loras
        return self._connection

    def _follow(self, connection: socket.socket, listener: Listener) -> Image.Image | None:
        """The picture, with its progress; None if the process ended before.

        Raises:
            PaintError: the library returned none.
            OrderRefused: something of the order is wrong.
        """
        while (message := receive(connection, FROM_PAINTER)) is not None:
            match message:
                case LogLine(level=level, text=text):
                    log.log(level, "%s", text)
                case SamplingBegins():
                    listener.on_sampling()
                case Stepped(step=step, steps=steps):
                    listener.on_step(step, steps)
                case Previewed(step=step, block=block):
                    listener.on_preview(step, receive_picture(connection, block))
                case Painted(block=block):
                    return receive_picture(connection, block)
                case Noted(text=text):
                    listener.on_warning(text)
                case NotPainted(reason=reason, param=param):
                    raise OrderRefused(reason, param) if param else PaintError(reason)
        return None

    def _await_end(self) -> int:
        """Wait until the keeper says that the current process has ended; returns by which signal, 0 for none."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        while (message := self._from_keeper()) is not None:
            if isinstance(message, PainterEnded) and message.number == self._numbers:
                return message.signal
        raise ModelLost(f"the process that keeps the model has ended ({_named(-self._keeper.wait())})")

    def _from_keeper(self) -> Loading | WeightsLoaded | CannotLoad | PainterEnded | None:
        """What it says next, beside its log; None if it has ended."""
        try:
            while isinstance(message := receive(self._control, FROM_KEEPER), LogLine):
                log.log(message.level, "%s", message.text)
        except (ConnectionError, WireError):
            return None
        return message

    def _command(self, code: KeeperCommand, number: int, connection: socket.socket | None = None) -> None:
        descriptors = [] if connection is None else [connection.fileno()]
        with suppress(OSError):  # the keeper has ended, which is found when its answer is awaited
            socket.send_fds(self._control, [COMMAND.pack(code, number)], descriptors)


def _named(number: int) -> str:
    """What ended a process: the name of a signal, or the negative exit code."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"exit code {-number}"


def _explained(number: int) -> str:
    if not number:
        return "there was no process that could paint it"
    if number == signal.SIGKILL:
        return "the process that painted it was killed from outside (SIGKILL), probably because memory ran out"
    return f"stable-diffusion.cpp ended the process that painted it ({_named(number)})"
