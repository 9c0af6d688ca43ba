"""Masks: which part of a picture is painted anew, and how the other part comes back unchanged."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageFilter

_ANY_TO_WHITE = [0] + [255] * 255


@dataclass(frozen=True, slots=True)
class Repainting:
    """A picture of which a part is painted anew: all of ``new`` where ``share`` is 255, all of it where that is 0.

    Both have the size of the answer. At a soft edge the share is between.
    """

    picture: Image.Image
    share: Image.Image

    @classmethod
    def of(cls, picture: Image.Image, mask: Image.Image, blur: int) -> Repainting:
        """``mask`` is black and white, of the same size; its edge is softened over ``blur`` pixels."""
        return cls(picture, mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask)

    @property
    def mask(self) -> Image.Image:
        """All that the model must paint: white, also where an edge is soft."""
        return self.share.point(_ANY_TO_WHITE)

    def laid_back(self, new: Image.Image) -> Image.Image:
        """``new`` with the kept pixels exactly as they were."""
        return Image.composite(new, self.picture, self.share)
