"""The options of the image engine, from a model's settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.memory.pictures.needs import TILED_PIXELS
from shared.settings import ModelSettings
from shared.settings.images.parts import DEFAULTS, PARTS

_COPIED = (*PARTS, *DEFAULTS, "lora_folder", "embeddings_folder", "max_image_side")
"""The options that a model's settings have under the same names."""


@dataclass(frozen=True, slots=True)
class RunningOptions:
    """See the options of the same names in :mod:`shared.settings.images.running`."""

    flash_attention: bool = True
    vae_tiling: str = "auto"
    weight_type: str = ""
    step_cache: str = ""
    preview_by: str = "projection"
    offload: bool = False
    max_vram_bytes: int = 0
    clip_on_cpu: bool = False
    vae_on_cpu: bool = False

    @classmethod
    def of(cls, model: ModelSettings) -> RunningOptions:
        """Those of one model."""
        return cls(
            flash_attention=model.flash_attn != "off",
            vae_tiling=model.vae_tiling,
            weight_type=model.weight_type,
            step_cache=model.step_cache,
            preview_by=model.preview_by,
            offload=model.offload,
            max_vram_bytes=model.max_vram_bytes,
            clip_on_cpu=model.clip_on_cpu,
            vae_on_cpu=model.vae_on_cpu,
        )

    def tiles(self, pixels: int) -> bool:
        """Whether a picture of so many pixels is decoded in tiles."""
        return self.vae_tiling == "on" or (self.vae_tiling == "auto" and pixels > TILED_PIXELS)


@dataclass(frozen=True, slots=True)
class DiffusionOptions:
    """The options of one model. Paths are empty for files that it does not have.

    ``model_path`` is a whole checkpoint or the diffusion model alone; with ``diffusion_model`` that comes from another
    file. ``taesd`` replaces the model's autoencoder: faster, and less exact. ``lora_folder`` holds the files of
    ``<lora:name:weight>`` tags, ``embeddings_folder`` the words that prompts may use besides. Numbers that are 0, and
    names that are empty, are those of the model's family.
    """

    model_path: str
    model_name: str
    threads: int
    diffusion_model: str = ""
    vae: str = ""
    taesd: str = ""
    clip_l: str = ""
    clip_g: str = ""
    clip_vision: str = ""
    t5xxl: str = ""
    llm: str = ""
    llm_vision: str = ""
    control_net: str = ""
    upscaler: str = ""
    lora_folder: str = ""
    embeddings_folder: str = ""
    steps: int = 0
    cfg_scale: float = 0.0
    sampler: str = ""
    scheduler: str = ""
    image_size: str = ""
    guidance: float = 0.0
    flow_shift: float = 0.0
    max_image_side: int = 0
    running: RunningOptions = field(default_factory=RunningOptions)

    @classmethod
    def of(cls, model: ModelSettings, threads: int) -> DiffusionOptions:
        """The options of one model."""
        copied = {name: getattr(model, name) for name in _COPIED}
        running = RunningOptions.of(model)
        return cls(model_path=model.path, model_name=model.name, threads=threads, running=running, **copied)

    @property
    def files(self) -> dict[str, str]:
        """The paths of the other files, by the name of their option."""
        return {name: path for name in PARTS if (path := getattr(self, name))}

    @property
    def painting_file(self) -> str:
        """The file of the diffusion model."""
        return self.diffusion_model or self.model_path
