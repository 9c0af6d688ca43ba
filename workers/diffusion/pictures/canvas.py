"""Pictures of any size, cut out of a slightly larger one whose sides the model can paint."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture of ``size`` in the middle of what is ``painted``; both are width and height in pixels."""

    size: Size
    painted: Size

    @classmethod
    def of(cls, size: Size, multiple: int) -> Canvas:
        """The smallest canvas for a picture of ``size`` whose sides are multiples of ``multiple``."""
        width, height = (math.ceil(side / multiple) * multiple for side in size)
        return cls(size, (width, height))

    def widened(self, image: Image.Image) -> Image.Image:
        """An RGB picture of ``size`` on the canvas: its outermost pixels are repeated around it."""
        if self.size == self.painted:
            return image
        (left, top), (width, height) = self._corner, self.size
        right, bottom = self.painted[0] - width - left, self.painted[1] - height - top
        return Image.fromarray(np.pad(np.asarray(image), ((top, bottom), (left, right), (0, 0)), mode="edge"))

    def widened_mask(self, mask: Image.Image) -> Image.Image:
        """A mask of ``size`` on the canvas, black around it."""
        if self.size == self.painted:
            return mask
        wide = Image.new("L", self.painted)
        wide.paste(mask, self._corner)
        return wide

    def cut(self, image: Image.Image) -> Image.Image:
        """The picture in a painted canvas."""
        if image.size != self.painted:
            image = ImageOps.fit(image, self.painted, Image.Resampling.LANCZOS)
        if self.size == self.painted:
            return image
        left, top = self._corner
        return image.crop((left, top, left + self.size[0], top + self.size[1]))

    @property
    def _corner(self) -> Size:
        return (self.painted[0] - self.size[0]) // 2, (self.painted[1] - self.size[1]) // 2
