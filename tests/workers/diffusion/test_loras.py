"""LoRAs named in prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.wire.payloads import JobError
from tests.support.workers.diffusion_jobs import image_job, run
from tests.support.workers.lora_file import write_lora
from workers.diffusion.lora_files import Shapes
from workers.diffusion.loras import Lora, take_loras
from workers.diffusion.native.engine import DiffusionEngine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a LoRA, and next to the folder a file that must not be reached."""
    folder = tmp_path / "loras"
    folder.mkdir()
    (folder / "ink.safetensors").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    (tmp_path / "secret.safetensors").write_bytes(b"")
    (folder / "link.safetensors").symlink_to(tmp_path / "secret.safetensors")
    return folder


def test_tags_are_removed_and_weights_added(folder: Path) -> None:
    prompt, loras = take_loras("a <lora:ink:0.5>cat <lora:ink.safetensors:0.25> <lora:ink>", str(folder))
    assert prompt == "a cat  "
    assert loras == [Lora(folder / "ink.safetensors", 1.75)]


def test_a_prompt_without_tags_needs_no_folder() -> None:
    assert take_loras("a <b> cat", "") == ("a <b> cat", [])


@pytest.mark.parametrize(
    "name",
    ["../secret", "../secret.safetensors", "/etc/passwd", "..", "", "link", "notes.txt", "a\\ink", "x/../ink", "|ink"],
)
def test_only_names_of_files_in_the_folder_are_accepted(folder: Path, name: str) -> None:
    with pytest.raises(JobError, match=r"expected a LoRA of the server \(ink, link") as refused:
        take_loras(f"a cat <lora:{name}:1>", str(folder))
    assert (refused.value.failed.status, refused.value.failed.param) == (400, "prompt")


def test_an_absolute_path_is_refused_even_of_a_file_in_the_folder(folder: Path) -> None:
    with pytest.raises(JobError):
        take_loras(f"<lora:{folder}/ink:1>", str(folder))


@pytest.mark.parametrize("weight", ["x", "nan", "inf", "1e9", "1:2"])
def test_a_weight_is_a_small_number(folder: Path, weight: str) -> None:
    with pytest.raises(JobError, match="expected a LoRA weight from -10 to 10"):
        take_loras(f"<lora:ink:{weight}>", str(folder))


def test_without_a_folder_loras_are_refused() -> None:
    with pytest.raises(JobError, match="no LoRA folder"):
        take_loras("<lora:ink:1>", "")


def test_many_files_are_not_all_listed(folder: Path) -> None:
    for index in range(30):
        (folder / f"style{index:02}.gguf").write_bytes(b"")
    with pytest.raises(JobError, match=r"style17 and 12 more"):
        take_loras("<lora:none:1>", str(folder))


def test_a_lora_changes_the_picture_by_its_weight(engine: DiffusionEngine, lora_folder: Path) -> None:
    layer = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.ff.net.2"
    shapes: Shapes = {f"{layer}.lora_down.weight": (4, 2560), f"{layer}.lora_up.weight": (640, 4)}
    write_lora(lora_folder / "ink.safetensors", shapes)
    plain = run(engine, image_job()).pixels
    painted = run(engine, image_job(prompt="a cat<lora:ink:2>"))
    assert not np.array_equal(plain, painted.pixels)
    assert [event.step for event in painted.progress] == [1, 2]
    assert np.array_equal(plain, run(engine, image_job(prompt="a cat<lora:ink:0>")).pixels)
    assert np.array_equal(plain, run(engine, image_job()).pixels), "the model itself is unchanged"
