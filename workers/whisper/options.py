"""The options of the speech engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """One model's options.

    ``model_path`` is a folder with a Whisper model in CTranslate2's format. ``device`` is ``cpu`` or a CUDA device;
    which one that is, is settled by the worker's environment. ``compute_type`` is one of CTranslate2's, or ``default``
    for int8 on a CPU, int8_float16 on a GPU, and the type of the model's own weights where a device cannot do those.
    ``max_batch`` bounds the chunks of 30 s that go through the model at once, and with them the memory that it takes.
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
