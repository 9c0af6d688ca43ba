"""Which orders a model can take: what each says for itself."""

from __future__ import annotations

from typing import Protocol

from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import PictureInfo
from workers.diffusion.loras import Lora


class OrderRules(Protocol):
    """Which orders a model can take."""

    @property
    def info(self) -> PictureInfo:
        """What the model is and can do."""

    def check(self, work: ImageJob) -> None:
        """Check what a job asks for, beside its texts and pictures. Its steps and strengths are filled in.

        Raises:
            JobError: this model cannot do the job.
        """

    def take_loras(self, prompt: str) -> tuple[str, list[Lora]]:
        """The prompt without its LoRA tags, and the LoRAs that they name.

        Raises:
            JobError: this model cannot use one of them.
        """


def check_name(field_name: str, name: str | None, known: tuple[str, ...]) -> None:
    """Check that ``name`` is absent or one of ``known``.

    Raises:
        JobError: 400, it is another.
    """
    if name is not None and name not in known:
        message = f"{field_name}: expected one of {', '.join(known)}, got {name[:80]!r}"
        raise JobError(400, message, field_name)
