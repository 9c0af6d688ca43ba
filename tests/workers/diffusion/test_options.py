"""Options of the image engine."""

from __future__ import annotations

from shared.kinds import JobKind
from shared.settings import ModelSettings
from workers.diffusion.options import DiffusionOptions


def options(**values: str) -> DiffusionOptions:
    model = ModelSettings(name="sd", kinds=(JobKind.IMAGE,), engine="diffusion", path="/models/sd.gguf", **values)
    return DiffusionOptions.of(model, threads=3)


def test_the_files_of_a_model_have_the_names_of_their_options() -> None:
    found = options(vae="/models/vae.safetensors", llm="/models/qwen.gguf", lora_folder="/loras", image_size="640x384")
    assert (found.model_path, found.model_name, found.threads) == ("/models/sd.gguf", "sd", 3)
    assert found.files == {"vae": "/models/vae.safetensors", "llm": "/models/qwen.gguf"}
    assert (found.lora_folder, found.image_size) == ("/loras", "640x384")
    assert found.painting_file == "/models/sd.gguf"
    assert options(diffusion_model="/models/unet.gguf").painting_file == "/models/unet.gguf"
