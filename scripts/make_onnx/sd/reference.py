"""The pictures that diffusers paints with the same parts and the same noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image
from transformers import CLIPTokenizer

PROMPT, NEGATIVE = "a photo of the lighthouse at dawn", "the red dog"
SEED = 7
SIDE = 64
LEVELS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
DDIM = {**LEVELS, "steps_offset": 1, "clip_sample": False, "set_alpha_to_one": True, "timestep_spacing": "leading"}
TURBO = {**LEVELS, "timestep_spacing": "trailing"}
V_MODEL = {**DDIM, "prediction_type": "v_prediction"}
KARRAS = {**LEVELS, "use_karras_sigmas": True, "timestep_spacing": "leading", "steps_offset": 1}


def write_reference(folder: Path, first: Any, second: Any, unets: dict[str, Any], autoencoder: Any) -> None:
    """Write each picture as a PNG, and ``cases.json``: its pipeline, its scheduler and its job."""
    # The most likely latents of a picture instead of random ones, as the server takes them.
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mode()
    tokenizer = CLIPTokenizer.from_pretrained(folder / "sd15" / "tokenizer")
    tokenizer_2 = CLIPTokenizer.from_pretrained(folder / "sdxl" / "tokenizer_2")
    common = {"vae": autoencoder, "text_encoder": first, "tokenizer": tokenizer}
    plain = {**common, "safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    text = {"prompt": PROMPT, "negative_prompt": NEGATIVE}
    painter = _Painter(folder)
    for name, scheduler, steps, cfg in (
        ("ddim", DDIMScheduler(**DDIM), 6, 5.0),
        ("v", DDIMScheduler(**V_MODEL), 6, 5.0),
        ("turbo", EulerDiscreteScheduler(**TURBO), 1, 0.0),
        ("euler", EulerDiscreteScheduler(**TURBO), 4, 3.0),
        ("karras", DPMSolverMultistepScheduler(**KARRAS), 8, 7.5),
    ):
        pipe = StableDiffusionPipeline(unet=unets["sd15"], scheduler=scheduler, **plain)
        painter.paint(name, "sd15", pipe, text, steps, cfg)
    pipe = StableDiffusionPipeline(unet=unets["lcm"], scheduler=LCMScheduler(**LEVELS), **plain)
    painter.paint("lcm", "lcm", pipe, text, 1, 8.0)
    pipe = StableDiffusionXLPipeline(
        unet=unets["sdxl"],
        scheduler=EulerDiscreteScheduler(**TURBO),
        text_encoder_2=second,
        tokenizer_2=tokenizer_2,
        add_watermarker=False,
        **common,
    )
    painter.paint("sdxl", "sdxl", pipe, text, 4, 5.0)
    painter.paint("sdxl-nothing", "sdxl", pipe, {"prompt": PROMPT, "negative_prompt": None}, 4, 5.0)
    pipe = StableDiffusionImg2ImgPipeline(unet=unets["sd15"], scheduler=DDIMScheduler(**DDIM), **plain)
    painter.paint("img2img", "sd15", pipe, text, 8, 5.0, strength=0.5)
    pipe = StableDiffusionInpaintPipeline(unet=unets["inpainting"], scheduler=EulerDiscreteScheduler(**TURBO), **plain)
    painter.paint("inpainting", "inpainting", pipe, text, 1, 5.0, strength=1.0, mask=True)
    painter.finish()


class _Painter:
    def __init__(self, folder: Path) -> None:
        self._pipelines = folder
        self._folder = folder / "reference"
        self._folder.mkdir()
        self._cases: list[dict[str, Any]] = []
        noise = np.random.default_rng(SEED).standard_normal((1, 4, SIDE // 8, SIDE // 8), np.float32)
        np.save(self._folder / "noise.npy", noise)
        self._noise = torch.from_numpy(noise)
        self._photo = _photo()
        self._photo.save(self._folder / "input.png")
        self._mask = Image.new("L", (SIDE, SIDE), "black")
        self._mask.paste("white", (0, 0, SIDE // 2, SIDE))
        self._mask.save(self._folder / "mask.png")

    def paint(
        self, name: str, model: str, pipe: Any, text: dict[str, Any], steps: int, cfg: float,
        strength: float | None = None, mask: bool = False,
    ) -> None:  # fmt: skip
        """Paint a picture."""
        pipe.set_progress_bar_config(disable=True)
        given: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": cfg, **text}
        if strength is not None:
            given |= {"image": self._photo, "strength": strength}
        if mask:
            given |= {"mask_image": self._mask, "latents": self._noise, "height": SIDE, "width": SIDE}
            given["callback_on_step_end"] = self._keep_the_black_part
        elif strength is None:
            given |= {"latents": self._noise, "height": SIDE, "width": SIDE}
        with torch.no_grad(), _fixed_noise(self._noise):
            image = pipe(**given).images[0]
        image.save(self._folder / f"{name}.png")
        scheduler = {key: value for key, value in pipe.scheduler.config.items() if not key.startswith("_use")}
        scheduler["_class_name"] = type(pipe.scheduler).__name__
        case = {"name": name, "model": model, "scheduler": scheduler, "steps": steps, "cfg_scale": cfg, **text}
        self._cases.append({**case, "strength": strength, "mask": mask})

    def _keep_the_black_part(self, pipe: Any, step: int, time: Any, found: dict[str, Any]) -> dict[str, Any]:
        """As the server does it, and diffusers itself only with UNets of 4 channels."""
        photo = torch.from_numpy(np.asarray(self._photo, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1)
        kept = pipe.vae.encode(photo).latent_dist.mode() * pipe.vae.config.scaling_factor
        found["latents"][..., SIDE // 16 :] = kept[..., SIDE // 16 :]
        return found

    def finish(self) -> None:
        """Write the list."""
        (self._folder / "cases.json").write_text(json.dumps(self._cases, indent=1))


class _fixed_noise:
    """All noise that a pipeline draws is the same."""

    _PLACES = (
        "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img",
        "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint",
    )

    def __init__(self, noise: torch.Tensor) -> None:
        self._noise = noise
        self._modules: list[Any] = [__import__(place, fromlist=["x"]) for place in self._PLACES]

    def __enter__(self) -> None:
        self._former = [module.randn_tensor for module in self._modules]
        for module in self._modules:
            module.randn_tensor = lambda *_, **__: self._noise.clone()

    def __exit__(self, *_: object) -> None:
        for module, former in zip(self._modules, self._former, strict=True):
            module.randn_tensor = former


def _photo() -> Image.Image:
    across = np.linspace(0, 255, SIDE)
    values = np.stack([np.tile(across, (SIDE, 1)), np.tile(across[:, None], (1, SIDE)), np.full((SIDE, SIDE), 90)], -1)
    return Image.fromarray(values.astype(np.uint8))
