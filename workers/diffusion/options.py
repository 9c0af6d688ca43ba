"""The options of the image engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class DiffusionOptions:
    """The options of one model. Paths are empty for files that it does not have.

    With a separate text encoder (``clip_l`` or ``t5xxl``), ``model_path`` holds the diffusion model alone; otherwise it
    is a whole checkpoint. ``taesd`` replaces the model's autoencoder: faster, and less exact. ``lora_folder`` holds the
    files of ``<lora:name:weight>`` tags.
    """

    model_path: str
    model_name: str
    threads: int
    vae: str = ""
    taesd: str = ""
    clip_l: str = ""
    clip_g: str = ""
    t5xxl: str = ""
    lora_folder: str = ""

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> DiffusionOptions:
        """The options of one model."""
        return cls(
            model_path=model.path,
            model_name=model.name,
            threads=threads,
            vae=model.vae,
            taesd=model.taesd,
            clip_l=model.clip_l,
            clip_g=model.clip_g,
            t5xxl=model.t5xxl,
            lora_folder=model.lora_folder,
        )

    @property
    def is_diffusion_model_only(self) -> bool:
        """Whether the text encoders are in separate files."""
        return bool(self.clip_l or self.t5xxl)

    @property
    def files(self) -> dict[str, str]:
        """The paths of the other files, by the name of their option."""
        names = ("vae", "taesd", "clip_l", "clip_g", "t5xxl")
        return {name: path for name in names if (path := getattr(self, name))}
