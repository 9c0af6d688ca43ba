"""Pictures of any size, cut out of a slightly larger one whose sides the model can paint."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture of ``size`` in the middle of what is ``painted``; all are width and height in pixels.

    It is ``drawn`` in its own size, or in a smaller one, from which it is enlarged.
    """

    size: Size
    drawn: Size
    painted: Size

    @classmethod
    def of(cls, size: Size, multiple: int, max_pixels: int = 0) -> Canvas:
        """The smallest canvas for a picture of ``size`` whose sides are multiples of ``multiple``.

        A picture of more than ``max_pixels`` (0: any number) is drawn within them.
        """
        drawn = within(size, max_pixels)
        width, height = (math.ceil(side / multiple) * multiple for side in drawn)
        return cls(size, drawn, (width, height))

    def widened(self, image: Image.Image) -> Image.Image:
        """An RGB picture of ``size`` on the canvas: its outermost pixels are repeated around it."""
        image = _scaled(image, self.drawn)
        if self.drawn == self.painted:
            return image
        (left, top), (width, height) = self._corner, self.drawn
        right, bottom = self.painted[0] - width - left, self.painted[1] - height - top
        return Image.fromarray(np.pad(np.asarray(image), ((top, bottom), (left, right), (0, 0)), mode="edge"))

    def widened_mask(self, mask: Image.Image) -> Image.Image:
        """A mask of ``size`` on the canvas, black around it."""
        mask = _scaled(mask, self.drawn)
        if self.drawn == self.painted:
            return mask
        wide = Image.new("L", self.painted)
        wide.paste(mask, self._corner)
        return wide

    def cut(self, image: Image.Image) -> Image.Image:
        """The picture in a painted canvas."""
        if image.size != self.painted:
            image = ImageOps.fit(image, self.painted, Image.Resampling.LANCZOS)
        left, top = self._corner
        drawn = image.crop((left, top, left + self.drawn[0], top + self.drawn[1]))
        return _scaled(drawn, self.size)

    @property
    def _corner(self) -> Size:
        return (self.painted[0] - self.drawn[0]) // 2, (self.painted[1] - self.drawn[1]) // 2


def within(size: Size, max_pixels: int) -> Size:
    """``size``, or one of the same proportions with at most ``max_pixels`` (0: any number)."""
    width, height = size
    if not 0 < max_pixels < width * height:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    return _whole(width * scale), _whole(height * scale)


def _whole(pixels: float) -> int:
    return max(1, math.floor(pixels + 1e-6))  # a square root may be a little too small


def _scaled(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
