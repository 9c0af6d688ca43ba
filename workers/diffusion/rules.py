"""Which orders a model can take: what each says for itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import PictureInfo, WantedLora
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

    def check_memory(self, work: ImageJob) -> None:
        """Check that a picture of the job's size can be painted with the memory that is free.

        Raises:
            JobError: 400, it cannot.
        """

    def take_loras(self, prompt: str, wanted: Sequence[WantedLora]) -> tuple[str, list[Lora]]:
        """The prompt without its LoRA tags, and the LoRAs that they name, with those that are ``wanted`` besides.

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
