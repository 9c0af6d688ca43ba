"""Parts of image models: what a file is, and which models it goes with."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_images.headers import HEADERS, Shapes, write_header
from shared.engines.diffusion.checking import check_model
from shared.engines.diffusion.families import describe
from shared.engines.diffusion.parts import part_kind, text_width, wanted_parts
from shared.errors import ModelError

QWEN3_4B: Shapes = {"token_embd.weight": (2560, 151936), "blk.0.attn_q.weight": (2560, 4096)}
MINISTRAL: Shapes = {
    "model.embed_tokens.weight": (3072, 131072),
    "model.layers.0.self_attn.q_proj.weight": (3072, 4096),
}
FLUX_VAE: Shapes = {"decoder.conv_in.weight": (3, 3, 16, 512)}
FLUX2_VAE: Shapes = {"decoder.conv_in.weight": (3, 3, 32, 512)}
WAN_VAE: Shapes = {"decoder.middle.0.residual.0.gamma": (1, 1, 1, 384)}


@pytest.mark.parametrize(
    ("shapes", "name", "size"),
    [
        (QWEN3_4B, "llm", 2560),
        (MINISTRAL, "llm", 3072),
        (FLUX_VAE, "vae", 16),
        ({"first_stage_model.decoder.conv_in.weight": (3, 3, 4, 512)}, "vae", 4),
        (WAN_VAE, "vae", 16),
        ({"decoder.layers.0.weight": (3, 3, 4, 64)}, "taesd", 0),
        ({"text_model.encoder.layers.0.self_attn.q_proj.weight": (768, 768)}, "clip_l", 768),
        ({"text_model.encoder.layers.0.self_attn.q_proj.weight": (1280, 1280)}, "clip_g", 1280),
        ({"vision_model.encoder.layers.0.self_attn.q_proj.weight": (1280, 1280)}, "clip_vision", 0),
        ({"enc.blk.0.attn_q.weight": (4096, 4096)}, "t5xxl", 0),
        ({"v.blk.0.attn_q.weight": (1280, 1280)}, "llm_vision", 0),
        ({"input_hint_block.0.weight": (3, 3, 3, 16)}, "control_net", 0),
        ({"conv_first.weight": (3, 3, 3, 64), "body.0.rdb1.conv1.weight": (3, 3, 64, 32)}, "upscaler", 0),
        ({"transformer.single_blocks.0.lora_A.weight": (8, 4)}, "lora", 0),
        (HEADERS["z_image"], "diffusion_model", 0),
    ],
)
def test_a_part_is_known_by_its_tensors(shapes: Shapes, name: str, size: int) -> None:
    kind = part_kind(shapes)
    assert kind is not None
    assert (kind.name, kind.size) == (name, size)


@pytest.mark.parametrize(
    ("version", "width"),
    [
        *[("z_image", 2560), ("flux2", 5120), ("flux2_klein", 2560), ("qwen_image", 3584)],
        *[("ernie_image", 3072), ("ovis_image", 2048), ("anima", 1024)],
    ],
)
def test_a_model_tells_how_wide_its_language_model_is(version: str, width: int) -> None:
    described = describe(HEADERS[version], version)
    assert described is not None
    assert text_width(described, HEADERS[version]) == width


@pytest.mark.parametrize(
    ("version", "given", "wanted"),
    [
        ("z_image", {}, ("llm", "vae")),
        ("z_image", {"llm": "l", "taesd": "t"}, ()),
        ("flux", {}, ("clip_l", "t5xxl", "vae")),
        ("flux", {"t5xxl": "t", "vae": "v"}, ()),
        ("chroma_radiance", {"t5xxl": "t"}, ()),
        ("sd3", {"vae": "v"}, ("clip_l", "clip_g", "t5xxl")),
        ("sd1", {}, ()),
        ("sdxl", {}, ()),
    ],
)
def test_a_model_says_what_it_lacks(version: str, given: dict[str, str], wanted: tuple[str, ...]) -> None:
    described = describe(HEADERS[version], version)
    assert described is not None
    assert wanted_parts(described, HEADERS[version], given) == wanted


def write(folder: Path, **files: Shapes) -> dict[str, str]:
    paths = {}
    for name, shapes in files.items():
        write_header(folder / f"{name}.safetensors", shapes)
        paths[name] = str(folder / f"{name}.safetensors")
    return paths


def test_a_model_with_all_its_parts_is_good(tmp_path: Path) -> None:
    paths = write(tmp_path, z=HEADERS["z_image"], llm=QWEN3_4B, vae=FLUX_VAE)
    check_model(Path(paths.pop("z")), paths)


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"vae": FLUX_VAE}, r"z\.safetensors: expected the other files of Z-Image by the model's options llm, .*"),
        ({"llm": MINISTRAL, "vae": FLUX_VAE}, r"llm: expected a language model 2560 wide, .*, 3072 wide"),
        ({"llm": QWEN3_4B, "vae": FLUX2_VAE}, r"vae: expected an autoencoder with 16 channels, .*, 32 channels"),
        ({"llm": QWEN3_4B, "vae": WAN_VAE}, r"vae: expected an autoencoder .*, 16 channels of Wan"),
        ({"llm": FLUX_VAE, "vae": FLUX_VAE}, r"llm: expected a language model, got llm\.safetensors, an autoencoder"),
    ],
)
def test_a_part_that_lacks_or_does_not_fit_is_named(tmp_path: Path, parts: dict[str, Shapes], what: str) -> None:
    paths = write(tmp_path, z=HEADERS["z_image"], **parts)
    with pytest.raises(ModelError, match=what):
        check_model(Path(paths.pop("z")), paths)
