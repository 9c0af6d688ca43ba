"""The options of the image engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class DiffusionOptions:
    """One model's options: paths of its files, empty where there is none.

    With a text encoder of its own (``clip_l`` or ``t5xxl``) the model file is the diffusion model alone; else it is a
    whole checkpoint. ``taesd`` stands in for the model's autoencoder: quick, and less exact. ``lora_folder`` is where
    ``<lora:name:weight>`` in a prompt finds its files.
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
        """Whether the text encoders come from other files than the model."""
        return bool(self.clip_l or self.t5xxl)

    @property
    def files(self) -> dict[str, str]:
        """The files to read, by the name of their option."""
        names = ("vae", "taesd", "clip_l", "clip_g", "t5xxl")
        return {name: path for name in names if (path := getattr(self, name))}
