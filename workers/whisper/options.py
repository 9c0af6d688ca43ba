"""The options of the speech engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """The options of one model.

    ``model_path`` is a folder with a Whisper model in CTranslate2's format. ``device`` is ``cpu`` or a CUDA device; the
    worker's environment selects which one. ``compute_type`` is one of CTranslate2's types; ``default`` means int8 on a
    CPU, int8_float16 on a GPU, and the type of the weights on devices that support neither. ``max_batch`` limits the
    number of 30 s chunks in one step, and so its memory.
    """

    model_path: str
    model_name: str
    threads: int
    device: str = "cpu"
    compute_type: str = "default"
    slots: int = 16
    max_batch: int = 16

    @classmethod
    def of(cls, model: ModelSettings, threads: int, device: str) -> WhisperOptions:
        """The options of one model."""
        return cls(
            model_path=model.path,
            model_name=model.name,
            threads=threads,
            device=device,
            slots=model.slots,
        )

    @property
    def on_cpu(self) -> bool:
        """Whether the model runs on the CPU."""
        return self.device == "cpu"
