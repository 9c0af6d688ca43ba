"""What the image engine needs of a model: one picture at a time, with its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from shared.wire.jobs import ImageJob
from workers.diffusion.loras import Lora


class PaintError(Exception):
    """There is no picture; the message says why."""


class OrderRefused(PaintError):
    """There is no picture, since the order cannot be carried out; ``param`` is what of it is wrong."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class ModelLost(Exception):
    """The model can paint no more pictures; the message says why."""


@dataclass(frozen=True, slots=True)
class Painting:
    """The picture of ``job``, which leaves nothing open. ``prompt`` has no LoRA tags; ``image``, ``mask``
    and ``control`` have the job's size, ``references`` their own.

    Only the last ``steps`` of the job's steps are done: with an input picture not all are needed.
    """

    job: ImageJob
    prompt: str
    steps: int
    loras: list[Lora]
    image: Image.Image | None
    mask: Image.Image | None
    references: tuple[Image.Image, ...] = ()
    control: Image.Image | None = None

    @property
    def all_steps(self) -> int:
        """The steps of the whole schedule, of which the last ones are done."""
        return self.job.steps or self.steps

    @property
    def cfg_scale(self) -> float:
        """How much the prompt counts; 1 is without the negative prompt."""
        return 1.0 if self.job.cfg_scale is None else self.job.cfg_scale

    @property
    def strength(self) -> float:
        """How much of the picture to begin with may change, 0 to 1."""
        return 1.0 if self.job.strength is None else self.job.strength


@dataclass(slots=True)
class Listener:
    """Callbacks for a picture's progress.

    ``on_sampling`` is called when the first step begins. ``on_step`` gets the number of steps done and their total.
    ``on_preview`` gets the number of a step and the picture after it, just before ``on_step`` is called for that step.
    ``on_warning`` gets a sentence about what of the order was not done as asked.
    ``is_cancelled`` tells whether nobody wants the picture any more.
    """

    on_sampling: Callable[[], None] = lambda: None
    on_step: Callable[[int, int], None] = lambda step, steps: None
    on_preview: Callable[[int, Image.Image], None] = lambda step, image: None
    is_cancelled: Callable[[], bool] = lambda: False
    on_warning: Callable[[str], None] = lambda text: None


class PictureModel(Protocol):
    """A loaded model. Only one picture may be in progress at a time."""

    def names_of(self, sampler: str | None, scheduler: str | None) -> tuple[str, str]:
        """The sampler and the scheduler in use for a request; ``None`` stands for the model's default."""

    def paint(self, painting: Painting, listener: Listener, preview_steps: frozenset[int]) -> Image.Image:
        """Generate the picture, in the job's size, with previews after ``preview_steps`` at least.

        Raises:
            PaintError: there is none.
            ModelLost: there will be none.
        """

    def enlarge(self, image: Image.Image, scale: float | None, listener: Listener) -> Image.Image:
        """The RGB picture enlarged ``scale`` times, or by the upscaler's own factor.

        Raises:
            PaintError: there is none.
            ModelLost: there will be none.
        """

    def interrupt(self) -> bool:
        """End the picture in progress soon, with a :class:`PaintError`; False if the library cannot do that.

        Called from another thread, after the picture's ``is_cancelled`` has become true.
        """

    def held_bytes(self) -> int:
        """Resident memory of its other processes, 0 without any. Any thread may call it."""

    def close(self) -> None:
        """Free the model. No picture may be in progress."""

    def detach(self) -> None:
        """Make it safe for the process to exit while a picture is in progress that cannot be interrupted."""
