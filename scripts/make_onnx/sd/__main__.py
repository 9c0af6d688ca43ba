"""Writes the pipelines, then the pictures; runs in the throw-away environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from scripts.make_onnx.sd import graphs, parts
from scripts.make_onnx.sd.numbers import write_numbers
from scripts.make_onnx.sd.reference import write_reference
from scripts.make_onnx.sd.tokenizer import write_tokenizer

SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "clip_sample": False,
    "set_alpha_to_one": True,
}


def main(folder: Path) -> None:
    """Write all pipelines into ``folder``."""
    print("writing the graphs")
    tokens = write_tokenizer(folder / "sd15" / "tokenizer")
    encoder, unet, autoencoder = parts.text_encoder(tokens, 1), parts.unet(2), parts.autoencoder(3)
    _write_pipeline(folder / "sd15", encoder, unet, autoencoder)
    halves = (parts.text_encoder(tokens, 1).half(), parts.unet(2).half(), parts.autoencoder(3).half())
    write_tokenizer(folder / "sd15-fp16" / "tokenizer")
    _write_pipeline(folder / "sd15-fp16", *halves, kind=torch.float16)
    inpainting, lcm, xl = parts.unet(4, channels=9), parts.unet(5, is_lcm=True), parts.unet(6, is_xl=True)
    conditions: dict[str, tuple[int, ...]] = {"timestep_cond": (parts.LCM_WIDTH,)}
    for name, model, extra in (("inpainting", inpainting, {}), ("lcm", lcm, conditions)):
        write_tokenizer(folder / name / "tokenizer")
        _write_pipeline(folder / name, encoder, model, autoencoder, extra=extra)
    second = parts.text_encoder(tokens, 7, is_projected=True)
    _write_xl(folder / "sdxl", encoder, second, xl, autoencoder)
    print("painting the reference with diffusers")
    unets = {"sd15": unet, "inpainting": inpainting, "lcm": lcm, "sdxl": xl}
    write_reference(folder, encoder, second, unets, autoencoder)
    write_numbers(folder / "reference")


def _write_pipeline(
    folder: Path,
    encoder: torch.nn.Module,
    unet: torch.nn.Module,
    autoencoder: torch.nn.Module,
    kind: torch.dtype = torch.float32,
    extra: dict[str, tuple[int, ...]] | None = None,
) -> None:
    graphs.write_text_encoder(encoder, folder / "text_encoder" / "model.onnx")
    graphs.write_unet(unet, folder / "unet" / "model.onnx", extra or {}, kind, torch.int64)
    graphs.write_autoencoder(autoencoder, folder, kind)
    _write_settings(folder, "OnnxStableDiffusionPipeline")


def _write_xl(folder: Path, first: Any, second: Any, unet: torch.nn.Module, autoencoder: torch.nn.Module) -> None:
    write_tokenizer(folder / "tokenizer")
    write_tokenizer(folder / "tokenizer_2", padding="!")
    graphs.write_text_encoder(first, folder / "text_encoder" / "model.onnx", first.config.num_hidden_layers)
    graphs.write_text_encoder(
        second, folder / "text_encoder_2" / "model.onnx", second.config.num_hidden_layers, "text_embeds"
    )
    extra: dict[str, tuple[int, ...]] = {"text_embeds": (parts.POOLED_WIDTH,), "time_ids": (6,)}
    graphs.write_unet(unet, folder / "unet" / "model.onnx", extra, torch.float32, torch.float32)
    graphs.write_autoencoder(autoencoder, folder, torch.float32)
    _write_settings(folder, "ORTStableDiffusionXLPipeline", force_zeros_for_empty_prompt=True)


def _write_settings(folder: Path, kind: str, **more: Any) -> None:
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=1))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, **more}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
