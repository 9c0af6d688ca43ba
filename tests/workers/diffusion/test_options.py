"""Options of the image engine."""

from __future__ import annotations

from shared.kinds import JobKind
from shared.settings import ModelSettings
from workers.diffusion.options import DiffusionOptions


def options(**values: str) -> DiffusionOptions:
    model = ModelSettings(name="sd", kinds=(JobKind.IMAGE,), engine="diffusion", path="/models/sd.gguf", **values)
    return DiffusionOptions.of(model, threads=3)


def test_a_checkpoint_is_whole_unless_it_has_separate_text_encoders() -> None:
    whole = options(vae="/models/vae.safetensors", lora_folder="/loras")
    assert (whole.model_path, whole.model_name, whole.threads) == ("/models/sd.gguf", "sd", 3)
    assert whole.files == {"vae": "/models/vae.safetensors"}
    assert whole.lora_folder == "/loras"
    assert not whole.is_diffusion_model_only
    assert options(t5xxl="/models/t5.gguf").is_diffusion_model_only
    assert options(clip_l="/models/clip.gguf").is_diffusion_model_only
