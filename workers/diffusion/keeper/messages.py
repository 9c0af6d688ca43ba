"""What a worker, the keeper of its weights and the processes that paint send each other."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from enum import IntEnum

from PIL import Image

from shared.wire.codec import Decoder, Struct
from shared.wire.jobs import ImageJob
from workers.diffusion.options import DiffusionOptions, RunningOptions
from workers.framing import receive_bytes


class KeeperCommand(IntEnum):
    """``FORK`` comes with the descriptor of the new process's connection."""

    FORK = 1
    KILL = 2


class KeeperSetup(Struct, frozen=True):
    """The first message to a keeper: the model's options, as JSON, since paths may be no valid Unicode."""

    options: str

    @classmethod
    def of(cls, options: DiffusionOptions) -> KeeperSetup:
        """The message for a model."""
        return cls(json.dumps(asdict(options)))

    def read(self) -> DiffusionOptions:
        """The model's options."""
        given = json.loads(self.options)
        return DiffusionOptions(**{**given, "running": RunningOptions(**given["running"])})


class LogLine(Struct, tag=1, frozen=True):
    """A line for the worker's log, of one of the levels of :mod:`logging`."""

    level: int
    text: str


class Loading(Struct, tag=2, frozen=True):
    """A fraction of the model is loaded."""

    fraction: float


class CannotLoad(Struct, tag=3, frozen=True):
    """The model cannot be loaded; why."""

    reason: str


class WeightsLoaded(Struct, tag=4, frozen=True):
    """The model is loaded. Unless it ``can_fork``, some of it is where a fork cannot go.

    ``default_sampler`` is the model's, ``default_schedulers`` are those of each sampler.
    """

    can_fork: bool
    default_sampler: str
    default_schedulers: dict[str, str]


class PainterEnded(Struct, tag=5, frozen=True):
    """The process ``number`` has ended, by this signal (0 for none)."""

    number: int
    signal: int


class PixelBlock(Struct, frozen=True):
    """A picture, whose pixels follow the message as a block of bytes."""

    mode: str
    width: int
    height: int


class EnlargeOrder(Struct, tag=21, frozen=True):
    """A picture to enlarge, whose block follows, by the upscaler's own factor if ``scale`` is None."""

    image: PixelBlock
    scale: float | None


class PaintOrder(Struct, tag=20, frozen=True):
    """A picture to paint. The blocks of its input picture, its mask, the control picture and the references follow in
    this order, as far as there are any.
    """

    job: ImageJob
    prompt: str
    steps: int
    loras: list[tuple[bytes, float]]
    image: PixelBlock | None
    mask: PixelBlock | None
    control: PixelBlock | None
    references: list[PixelBlock]
    preview_steps: list[int]


class SamplingBegins(Struct, tag=10, frozen=True):
    """The first step begins."""


class Stepped(Struct, tag=11, frozen=True):
    """Steps done, of all."""

    step: int
    steps: int


class Previewed(Struct, tag=12, frozen=True):
    """The picture after a step; its block follows."""

    step: int
    block: PixelBlock


class Painted(Struct, tag=13, frozen=True):
    """The finished picture; its block follows."""

    block: PixelBlock


class NotPainted(Struct, tag=14, frozen=True):
    """There is no picture; why, and what of the order is wrong, if it is that."""

    reason: str
    param: str = ""


class Noted(Struct, tag=15, frozen=True):
    """What of the order was not done as asked."""

    text: str


FromKeeper = LogLine | Loading | CannotLoad | WeightsLoaded | PainterEnded
FromPainter = LogLine | SamplingBegins | Stepped | Previewed | Painted | NotPainted | Noted

SETUPS: Decoder[KeeperSetup] = Decoder(KeeperSetup)
FROM_KEEPER: Decoder[FromKeeper] = Decoder(FromKeeper)
PICTURE_ORDERS: Decoder[PaintOrder | EnlargeOrder] = Decoder(PaintOrder | EnlargeOrder)
FROM_PAINTER: Decoder[FromPainter] = Decoder(FromPainter)


def block_of(image: Image.Image) -> PixelBlock:
    """What goes before a picture's pixels."""
    return PixelBlock(image.mode, image.width, image.height)


def receive_picture(connection: socket.socket, block: PixelBlock) -> Image.Image:
    """The picture whose block is next.

    Raises:
        ConnectionError: the other end has gone.
    """
    data = receive_bytes(connection)
    if data is None:
        raise ConnectionError("the connection ended within a picture")
    return Image.frombytes(block.mode, (block.width, block.height), data)
