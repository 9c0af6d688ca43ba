"""A projector counts for the memory of its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.memory.estimate import Estimate, estimate
from shared.memory.files import files_stamp
from shared.memory.processes import DECODING_BYTES
from shared.memory.projectors.kept import KEPT_EMBEDDINGS_BYTES
from shared.settings import ModelSettings
from tests.support.models.gguf_builder import Value, build_gguf

WEIGHTS_BYTES = 4 * 512 * 512


def with_projector(model: ModelSettings, tokens: int = 1024, **metadata: Value) -> ModelSettings:
    path = Path(model.path).with_name("mmproj.gguf")
    told: dict[str, Value] = {"general.architecture": "clip"}
    told |= {f"clip.vision.{name}": value for name, value in metadata.items()}
    path.write_bytes(build_gguf(told, tensors=[("mm.0.weight", (512, 512))]))
    return model.model_copy(update={"mmproj": str(path), "image_max_tokens": tokens})


def without_later(found: Estimate) -> int:
    """What a worker takes from the start."""
    return found.total_bytes - found.later_bytes


SIZED = {"image_size": 512, "patch_size": 16, "embedding_length": 768, "feed_forward_length": 3072}


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_projector_adds_its_weights_and_the_buffers_of_a_picture(alone: ModelSettings, gpus: int) -> None:
    one, two = estimate(alone, gpus), estimate(with_projector(alone, **SIZED), gpus)
    assert two.notes == ()
    assert two.weights_bytes - one.weights_bytes == WEIGHTS_BYTES
    added = without_later(two) - without_later(one) - WEIGHTS_BYTES
    assert 40_000_000 < added < 80_000_000
    assert (two.host_bytes - two.later_bytes == one.host_bytes - one.later_bytes) == bool(gpus)
    assert two.kv_bytes == one.kv_bytes


def test_files_that_are_decoded_and_pictures_that_wait_count_too(alone: ModelSettings) -> None:
    one = estimate(alone)
    large, small = (estimate(with_projector(alone, **{**SIZED, "patch_size": patch})) for patch in (32, 16))
    assert small.beside_bytes - one.beside_bytes == DECODING_BYTES
    assert small.later_bytes - one.later_bytes > DECODING_BYTES + KEPT_EMBEDDINGS_BYTES
    assert large.later_bytes - small.later_bytes == one.cells // 4 * 3 * 4 * (64**2 - 32**2)


@pytest.mark.parametrize(("width", "is_larger"), [(3840, True), (1536, False)])
def test_pictures_that_are_computed_whole_make_batches_larger(
    alone: ModelSettings, width: int, is_larger: bool
) -> None:
    told: dict[str, Value] = {**SIZED, "projection_dim": width, "spatial_merge_size": 3}
    whole, cut = (
        estimate(with_projector(alone, 1024, **told, projector_type=kind)).total_bytes for kind in ("gemma4v", "qwen")
    )
    assert (whole > cut) is is_larger


def test_gemma_4_takes_pictures_in_their_own_size(alone: ModelSettings) -> None:
    told: dict[str, Value] = {**SIZED, "image_size": 224, "projector_type": "gemma4v"}
    small, large = (without_later(estimate(with_projector(alone, tokens, **told))) for tokens in (256, 1024))
    assert large - small > 200_000_000  # 9 patches of each token


def test_it_stays_in_main_memory_with_its_model(alone: ModelSettings) -> None:
    model = alone.model_copy(update={"gpu_layers": 0})
    one, two = estimate(model, 1), estimate(with_projector(model, **SIZED), 1)
    assert two.host_bytes - one.host_bytes > WEIGHTS_BYTES
    assert two.device_bytes == one.device_bytes


@pytest.mark.parametrize("told", [{"spatial_merge_size": 2}, {"projector_type": "qwen2.5vl_merger"}])
def test_pictures_in_their_own_size_take_what_their_most_tokens_need(
    alone: ModelSettings, told: dict[str, Value]
) -> None:
    sizes: list[int] = []
    for tokens in (256, 1024):
        model = with_projector(alone, tokens, **{**SIZED, **told})
        sizes.append(without_later(estimate(model)) - without_later(estimate(alone)))
    assert sizes[1] > 3 * sizes[0]


def test_a_damaged_one_and_odd_numbers_are_no_error(alone: ModelSettings) -> None:
    odd = {**SIZED, "image_size": 2**63, "patch_size": 0, "embedding_length": 2**60}
    assert estimate(with_projector(alone, **odd)).notes == ()
    damaged = with_projector(alone)
    Path(damaged.mmproj).write_bytes(b"GGUF")
    assert estimate(damaged) == estimate(alone)


def test_another_projector_by_the_same_name_is_noticed(alone: ModelSettings) -> None:
    before = files_stamp(with_projector(alone))
    assert files_stamp(with_projector(alone, **SIZED)) != before
