"""Orders to the processes that paint: sent by the worker, read there."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from workers.diffusion.keeper.messages import (
    PICTURE_ORDERS,
    EnlargeOrder,
    PaintOrder,
    PixelBlock,
    block_of,
    receive_picture,
)
from workers.diffusion.loras import Lora
from workers.diffusion.painting import Painting
from workers.framing import receive, send, send_bytes


@dataclass(frozen=True, slots=True)
class ToPaint:
    """A picture to paint, with previews after some steps."""

    painting: Painting
    preview_steps: frozenset[int]

    def send(self, connection: socket.socket) -> None:
        """Send it.

        Raises:
            OSError: the other end has gone.
        """
        painting = self.painting
        order = PaintOrder(
            painting.job,
            painting.prompt,
            painting.steps,
            [(os.fsencode(lora.path), lora.weight) for lora in painting.loras],
            _block(painting.image),
            _block(painting.mask),
            _block(painting.control),
            [block_of(reference) for reference in painting.references],
            sorted(self.preview_steps),
        )
        send(connection, order)
        for picture in (painting.image, painting.mask, painting.control, *painting.references):
            if picture is not None:
                send_bytes(connection, picture.tobytes())


@dataclass(frozen=True, slots=True)
class ToEnlarge:
    """A picture to enlarge."""

    image: Image.Image
    scale: float | None

    def send(self, connection: socket.socket) -> None:
        """Send it.

        Raises:
            OSError: the other end has gone.
        """
        send(connection, EnlargeOrder(block_of(self.image), self.scale))
        send_bytes(connection, self.image.tobytes())


def receive_order(connection: socket.socket) -> ToPaint | ToEnlarge | None:
    """The next picture to make; None at the end of the connection."""
    match receive(connection, PICTURE_ORDERS):
        case EnlargeOrder(image=block, scale=scale):
            return ToEnlarge(receive_picture(connection, block), scale)
        case PaintOrder() as order:
            return ToPaint(_painting(connection, order), frozenset(order.preview_steps))
        case None:
            return None


def _painting(connection: socket.socket, order: PaintOrder) -> Painting:
    image, mask, control = (
        None if block is None else receive_picture(connection, block)
        for block in (order.image, order.mask, order.control)
    )
    references = tuple(receive_picture(connection, block) for block in order.references)
    loras = [Lora(Path(os.fsdecode(path)), weight) for path, weight in order.loras]
    return Painting(order.job, order.prompt, order.steps, loras, image, mask, references, control)


def _block(picture: Image.Image | None) -> PixelBlock | None:
    return None if picture is None else block_of(picture)
