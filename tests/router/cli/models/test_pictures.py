"""Image models of several files on the command line, in tables and in folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from scripts.make_images.headers import HEADERS, Shapes, write_header
from tests.support.launching import refusal, settings_of

QWEN3_4B: Shapes = {"token_embd.weight": (2560, 256), "blk.0.attn_q.weight": (2560, 64)}
MINISTRAL: Shapes = {"token_embd.weight": (3072, 256), "blk.0.attn_q.weight": (3072, 64)}
FLUX_VAE: Shapes = {"decoder.conv_in.weight": (3, 3, 16, 64)}
SD_VAE: Shapes = {"decoder.conv_in.weight": (3, 3, 4, 64)}


def write(path: Path, shapes: Shapes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_header(path, shapes)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A Z-Image without its parts beside it, and parts for it and for others."""
    return {
        "z": write(tmp_path / "z" / "z_image_turbo.gguf", HEADERS["z_image"]),
        "sd": write(tmp_path / "sd" / "sd.safetensors", HEADERS["sd1"]),
        "llm": write(tmp_path / "parts" / "qwen.gguf", QWEN3_4B),
        "other_llm": write(tmp_path / "parts" / "ministral.gguf", MINISTRAL),
        "vae": write(tmp_path / "parts" / "ae.safetensors", FLUX_VAE),
        "sd_vae": write(tmp_path / "parts" / "sd-vae.safetensors", SD_VAE),
    }


def test_the_parts_and_defaults_of_one_model_are_its_options(started: dict[str, Any], files: dict[str, str]) -> None:
    spec = f"{files['z']}@llm={files['llm']},vae={files['vae']},steps=6,cfg_scale=1.5,image_size=768x512,sampler=heun"
    (model,) = settings_of(started, spec).models
    assert (model.path, model.llm, model.vae) == (files["z"], files["llm"], files["vae"])
    assert (model.steps, model.cfg_scale, model.image_size, model.sampler) == (6, 1.5, "768x512", "heun")


def test_a_table_gives_a_model_its_name_and_parts(
    started: dict[str, Any], files: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "nexa.toml"
    config.write_text(
        f'[models.painter]\ndiffusion_model = "{files["z"]}"\n'
        f'llm = "{files["llm"]}"\nvae = "{files["vae"]}"\nsteps = 5\n'
    )
    (model,) = settings_of(started, "--config", str(config)).models
    assert (model.name, model.path, model.diffusion_model) == ("painter", files["z"], "")
    assert (model.llm, model.vae, model.steps) == (files["llm"], files["vae"], 5)


def test_a_part_for_all_models_goes_to_those_that_it_fits(started: dict[str, Any], files: dict[str, str]) -> None:
    z, sd = settings_of(started, f"{files['z']}@llm={files['llm']}", files["sd"], "--vae", files["vae"]).models
    assert (z.vae, sd.vae) == (files["vae"], "")
    (sd,) = settings_of(started, files["sd"], "--vae", files["sd_vae"], "--clip-l", files["llm"]).models
    assert (sd.vae, sd.clip_l) == (files["sd_vae"], "")


def test_parts_beside_a_model_are_found(started: dict[str, Any], tmp_path: Path) -> None:
    model = write(tmp_path / "models" / "diffusion_models" / "z_image_turbo.safetensors", HEADERS["z_image"])
    write(tmp_path / "models" / "text_encoders" / "a_ministral.gguf", MINISTRAL)
    llm = write(tmp_path / "models" / "text_encoders" / "qwen_3_4b.gguf", QWEN3_4B)
    write(tmp_path / "models" / "vae" / "a_sd.safetensors", SD_VAE)
    vae = write(tmp_path / "models" / "vae" / "ae.safetensors", FLUX_VAE)
    (found,) = settings_of(started, model).models
    assert (found.llm, found.vae) == (llm, vae)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("", r"{z}: z_image_turbo.gguf: expected the other files of Z-Image by the model's options llm, vae, "),
        ("@vae={vae}", "{z}: z_image_turbo.gguf: expected the other files of Z-Image by the model's options llm, "),
        ("@llm={other_llm},vae={vae}", "{z}@llm: expected a language model 2560 wide, for Z-Image, got ministral.gguf"),
        ("@llm={llm},vae={sd_vae}", "{z}@vae: expected an autoencoder with 16 channels, for Z-Image, got sd-vae."),
        ("@llm={llm},vae=none/here", "{z}@vae: expected an existing file or folder, got 'none/here'"),
        ("@image_size=7x9", "{z}@image_size: expected a size such as 1024x768, with sides from 64 to 8192, got '7x9'"),
    ],
)
def test_a_part_that_lacks_or_does_not_fit_ends_the_start(
    capsys: pytest.CaptureFixture[str], files: dict[str, str], options: str, what: str
) -> None:
    code, line = refusal(capsys, "server", files["z"] + options.format(**files))
    assert code == 2
    assert line.startswith(f"nexa: {what.format(**files)}")


def test_image_models_in_folders_are_served_with_the_parts_beside_them(
    started: dict[str, Any], tmp_path: Path, no_models: Path
) -> None:
    folder = tmp_path / "models"
    for place, name, shapes in (
        ("diffusion_models", "z_image_turbo.safetensors", HEADERS["z_image"]),
        ("diffusion_models", "flux1-dev.gguf", HEADERS["flux"]),
        ("text_encoders", "qwen_3_4b.gguf", QWEN3_4B),
        ("vae", "ae.safetensors", FLUX_VAE),
    ):
        os.utime(write(folder / place / name, shapes), (0, 0))  # not one that is still being written
    models = {model.name: model for model in settings_of(started, "--model-folder", str(folder)).models}
    assert "flux1-dev" not in models
    z = models["z_image_turbo"]
    assert (Path(z.llm).name, Path(z.vae).name) == ("qwen_3_4b.gguf", "ae.safetensors")
