"""Versions and families of image models, by headers with the shapes of real ones."""

from __future__ import annotations

import pytest

from scripts.make_images.headers import HEADERS
from shared.engines.diffusion.families import FAMILIES, describe
from shared.engines.diffusion.versions import is_bare, version_of

PREFIX = "model.diffusion_model."


@pytest.mark.parametrize("version", HEADERS)
def test_each_version_is_known_by_its_tensors(version: str) -> None:
    shapes = HEADERS[version]
    assert version_of(shapes) == version
    if is_bare(shapes):
        assert version_of({f"{PREFIX}{name}": shape for name, shape in shapes.items()}) == version
        whole = {f"{PREFIX}{name}": shape for name, shape in shapes.items()} | {"vae.decoder.conv_in.weight": (1,)}
        assert version_of(whole) == version
        assert not is_bare(whole)


def test_a_unet_alone_has_no_version() -> None:
    assert version_of({"input_blocks.0.0.weight": (3, 3, 4, 320), "middle_block.1.norm.weight": (1280,)}) is None


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"token_embd.weight": (64, 1000), "blk.0.attn_q.weight": (64, 64)},
        {"text_model.embeddings.token_embedding.weight": (768, 49408)},
        {"decoder.conv_in.weight": (3, 3, 16, 512)},
        {"transformer_blocks.0.attn.to_q.weight": (8, 8)},
    ],
)
def test_other_files_have_no_version(shapes: dict[str, tuple[int, ...]]) -> None:
    assert version_of(shapes) is None


@pytest.mark.parametrize(
    ("version", "name", "family", "steps", "cfg_scale", "side"),
    [
        ("sd1", "v1-5-pruned", "sd1", 20, 7.0, 512),
        ("sdxs", "sdxs", "sd1", 1, 1.0, 512),
        ("sd2", "v2-1_768", "sd2", 20, 7.0, 768),
        ("sd2", "sd_turbo", "sd2", 4, 1.0, 512),
        ("sdxl", "sd_xl_base_1.0", "sdxl", 20, 7.0, 1024),
        ("sdxl", "sd_xl_turbo_1.0_fp16", "sdxl", 4, 1.0, 512),
        ("sdxl", "sdxl_lightning_8step", "sdxl", 8, 1.0, 1024),
        ("sd3", "sd3.5_large", "sd3", 28, 4.5, 1024),
        ("sd3", "sd3.5_large_turbo", "sd3", 4, 1.0, 1024),
        ("flux", "flux1-dev-q4_k", "flux", 20, 1.0, 1024),
        ("chroma", "Chroma1-HD", "chroma", 26, 4.0, 1024),
        ("flux2", "flux2-dev-Q4_K_S", "flux2", 20, 1.0, 1024),
        ("flux2_klein", "flux-2-klein-4b-Q8_0", "flux2", 4, 1.0, 1024),
        ("flux2_klein", "flux-2-klein-base-4b", "flux2", 20, 4.0, 1024),
        ("qwen_image", "Qwen_Image-Q4_K_M", "qwen_image", 20, 2.5, 1024),
        ("z_image", "z_image_turbo-Q4_K", "z_image", 8, 1.0, 1024),
        ("z_image", "z_image_bf16", "z_image", 28, 5.0, 1024),
        ("ernie_image", "ernie-image-UD-Q4_K_M", "ernie_image", 20, 5.0, 1024),
        ("ernie_image", "ernie-image-turbo-Q4_K_M", "ernie_image", 8, 1.0, 1024),
        ("ovis_image", "ovis_image-Q4_0", "ovis_image", 20, 5.0, 1024),
        ("anima", "anima-preview", "anima", 30, 4.5, 1024),
    ],
)
def test_a_model_paints_as_its_family_and_its_name_say(
    version: str, name: str, family: str, steps: int, cfg_scale: float, side: int
) -> None:
    found = describe(HEADERS[version], name)
    assert found is not None
    assert (found.family.name, found.defaults.steps, found.defaults.cfg_scale) == (family, steps, cfg_scale)
    assert (found.defaults.width, found.defaults.height) == (side, side)


def test_a_flux_without_an_input_for_guidance_is_schnell() -> None:
    shapes = {name: shape for name, shape in HEADERS["flux"].items() if not name.startswith("guidance_in.")}
    found = describe(shapes, "any-name")
    assert found is not None
    assert (found.defaults.steps, found.defaults.guidance) == (4, None)


@pytest.mark.parametrize(
    ("version", "name", "takes", "at_zero"),
    [
        ("flux", "flux1-dev", False, False),
        ("flux", "flux1-kontext-dev-Q4_K_M", True, False),
        ("flux2_klein", "flux-2-klein-4b", True, False),
        ("qwen_image", "Qwen_Image-Q4_K_M", False, False),
        ("qwen_image", "Qwen_Image_Edit-Q8_0", True, False),
        ("qwen_image", "qwen-image-edit-2511-Q4_K_M", True, True),
    ],
)
def test_models_that_edit_by_reference_are_known(version: str, name: str, takes: bool, at_zero: bool) -> None:
    found = describe(HEADERS[version], name)
    assert found is not None
    assert (found.takes_references, found.references_at_zero) == (takes, at_zero)


def test_every_version_has_a_family_that_paints_or_is_a_video_model() -> None:
    videos = {version for version in HEADERS if (found := describe(HEADERS[version], version)) and found.family.video}
    assert videos == {"wan", "svd"}
    assert all(family.defaults.steps > 0 for family in FAMILIES.values())
