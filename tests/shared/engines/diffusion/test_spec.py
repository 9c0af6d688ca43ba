"""Which files are image models, whatever their format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.make_images.headers import HEADERS, write_header
from shared.errors import ModelError
from shared.models.recognition import inspect_model
from tests.support.models.gguf_builder import build_gguf

IMAGES = [version for version in HEADERS if version not in ("wan", "svd")]


@pytest.mark.parametrize("version", IMAGES)
@pytest.mark.parametrize("name", ["m.gguf", "m.safetensors", "m.sft"])
def test_image_models_are_known_in_every_format(tmp_path: Path, version: str, name: str) -> None:
    path = tmp_path / name
    write_header(path, HEADERS[version])
    files = inspect_model(path)
    assert (files.path, files.kinds, files.engine) == (path, ("image",), "diffusion")


@pytest.mark.parametrize("architecture", ["flux", "lumina2", "pig", "qwen_image", "somethingelse", ""])
def test_the_architecture_of_a_gguf_file_does_not_matter(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "m.gguf"
    write_header(path, HEADERS["z_image"], architecture)
    assert inspect_model(path).engine == "diffusion"


@pytest.mark.parametrize("version", ["wan", "svd"])
@pytest.mark.parametrize("name", ["m.gguf", "m.safetensors"])
def test_models_of_videos_are_refused(tmp_path: Path, version: str, name: str) -> None:
    path = tmp_path / name
    write_header(path, HEADERS[version], "wan")
    with pytest.raises(ModelError, match=f"{re.escape(name)}: expected an image model, got .*, which makes videos$"):
        inspect_model(path)


@pytest.mark.parametrize(
    ("architecture", "what"),
    [
        ("aura", "AuraFlow"),
        ("cosmos", "Cosmos"),
        ("hidream", "HiDream"),
        ("hyvid", "HunyuanVideo"),
        ("krea2", "Krea 2"),
        ("ltxv", "LTX-Video"),
        ("lumina2", "Lumina 2"),
        ("omnigen2", "OmniGen 2"),
        ("flux2", r"one that the library does not know \(flux2\)"),
    ],
)
def test_image_models_that_the_library_does_not_know_are_refused(tmp_path: Path, architecture: str, what: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(build_gguf({"general.architecture": architecture}))
    with pytest.raises(ModelError, match=rf"m\.gguf: expected .*, FLUX\.1, .*; got {what}$"):
        inspect_model(path)


def test_an_image_model_of_an_unknown_architecture_is_known_by_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    tensors = [("transformer_blocks.0.attn.to_q.weight", (8,))]
    for metadata, ending in (({"general.architecture": "brandnew"}, r" \(brandnew\)"), ({}, "")):
        path.write_bytes(build_gguf(metadata, tensors))
        with pytest.raises(ModelError, match=rf"got one that the library does not know{ending}$"):
            inspect_model(path)


@pytest.mark.parametrize(
    ("shapes", "what"),
    [
        ({"decoder.conv_in.weight": (3, 3, 16, 512)}, "an autoencoder"),
        ({"text_model.encoder.layers.0.self_attn.q_proj.weight": (768, 768)}, "the text encoder CLIP-L"),
        ({"encoder.block.0.layer.0.SelfAttention.q.weight": (4096, 4096)}, "a T5 text encoder"),
        ({"lora_unet_down_blocks_0.lora_down.weight": (320, 4)}, "a LoRA"),
        ({"control_model.input_hint_block.0.weight": (3, 3, 3, 16)}, "a ControlNet"),
    ],
)
def test_parts_of_image_models_are_none(tmp_path: Path, shapes: dict[str, tuple[int, ...]], what: str) -> None:
    path = tmp_path / "part.safetensors"
    write_header(path, shapes)
    with pytest.raises(ModelError, match=rf"part\.safetensors: expected a model, got {what}$"):
        inspect_model(path)


def test_a_checkpoint_with_other_tensors_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    write_header(path, {"model.layers.0.mlp.weight": (8, 8)})
    with pytest.raises(ModelError, match="got other tensors"):
        inspect_model(path)
    path.write_bytes(b"\0" * 100)
    with pytest.raises(ModelError, match="damaged"):
        inspect_model(path)


def test_the_checkpoint_of_a_folder_is_found_beside_its_parts(tmp_path: Path) -> None:
    for name in ("sd.safetensors", "vae.safetensors", "my-lora.safetensors"):
        write_header(tmp_path / name, HEADERS["sd1"])
    assert inspect_model(tmp_path).path == tmp_path / "sd.safetensors"
