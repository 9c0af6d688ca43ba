"""LoRAs that would end the library's process are refused, the others painted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.wire.payloads import Done, Failed, JobError
from tests.support.workers.diffusion_jobs import image_job, run
from tests.support.workers.lora_file import write_lora
from workers.diffusion.lora_files import Shapes, TensorFileError, read_shapes
from workers.diffusion.lora_fit import LoraFit, layer_key
from workers.diffusion.native.engine import DiffusionEngine

FF = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_ff_net_2"  # 640 x 2560
CONV = "lora_unet_down_blocks_0_resnets_0_conv1"  # 320 x 320 x 3 x 3
PROJ = "lora_unet_down_blocks_1_attentions_0_proj_in"  # 640 x 640 x 1 x 1
TEXT = "lora_te_text_model_encoder_layers_0_mlp_fc1"  # 3072 x 768


def pair(layer: str, down: tuple[int, ...], up: tuple[int, ...]) -> Shapes:
    return {f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up}


def hadamard(layer: str, *shapes: tuple[int, ...]) -> Shapes:
    return {f"{layer}.hada_{name}": shape for name, shape in zip(("w1_a", "w1_b", "w2_a", "w2_b"), shapes, strict=True)}


FITTING: dict[str, Shapes] = {
    "linear": pair(FF, (4, 2560), (640, 4)) | {f"{FF}.alpha": ()},
    "original": pair("model.diffusion_model.input_blocks.4.1.transformer_blocks.0.ff.net.2", (4, 2560), (640, 4)),
    "diffusers": {
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.ff.net.2.lora_A.weight": (2, 2560),
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.ff.net.2.lora_B.weight": (640, 2),
    },
    "convolution": pair(CONV, (4, 320, 3, 3), (320, 4, 1, 1)),
    "kernel-of-1": pair(PROJ, (4, 640, 1, 1), (640, 4, 1, 1)),
    "text-encoder": pair(TEXT, (1, 768), (3072, 1)),
    "difference-of-a-convolution": {f"{CONV}.diff": (320, 320, 3, 3)},
    "difference-of-a-bias": {f"{FF}.diff_b": (640,)},
    "hadamard-of-a-convolution": hadamard(CONV, (320, 2), (2, 2880), (320, 3), (3, 2880)),
    "kronecker": {f"{FF}.lokr_w1": (4, 4), f"{FF}.lokr_w2": (160, 640)},
    "kronecker-of-a-convolution": {f"{CONV}.lokr_w1": (4, 4), f"{CONV}.lokr_w2": (80, 80, 3, 3)},
}

OTHERS: dict[str, Shapes] = {
    "another-models-layer": pair("lora_unet_double_blocks_0_img_attn_qkv", (4, 7), (9, 5)),
    "half-a-pair": {f"{FF}.lora_down.weight": (4, 7)},
}
"""Tensors that the library leaves out."""

UNFITTING: dict[str, tuple[Shapes, str]] = {
    "inputs": (pair(FF, (4, 1280), (640, 4)), "lora_down"),
    "outputs": (pair(FF, (4, 2560), (320, 4)), "lora_up"),
    "ranks": (pair(FF, (4, 2560), (640, 8)), "lora_up"),
    "turned": (pair(FF, (2560, 4), (4, 640)), "lora_down"),
    "one-dimension": (pair(FF, (2560,), (640, 1)), "lora_down"),
    "kernel-on-a-matrix": (pair(FF, (4, 2560, 1, 1), (640, 4, 1, 1)), "lora_down"),
    "kernel": (pair(CONV, (4, 320, 1, 1), (320, 4, 1, 1)), "lora_down"),
    "matrix-on-a-kernel": (pair(PROJ, (4, 640), (640, 4)), "lora_down"),
    "text-encoder": (pair(TEXT, (4, 1024), (3072, 4)), "lora_down"),
    "difference": ({f"{CONV}.diff": (320, 320, 3, 4)}, ".diff"),
    "difference-of-a-quantised-layer": ({f"{FF}.diff": (640, 2560)}, ".diff"),
    "hadamard-of-a-quantised-layer": (hadamard(FF, (640, 2), (2, 2560), (640, 3), (3, 2560)), "hada_w1_a"),
    "bias": ({f"{FF}.diff_b": (641,)}, ".diff_b"),
    "hadamard": (hadamard(CONV, (320, 2), (2, 2880), (320, 3), (4, 2880)), "hada_w2_a"),
    "kronecker": ({f"{FF}.lokr_w1": (4, 4), f"{FF}.lokr_w2": (160, 641)}, "lokr_w2"),
    "kronecker-kernel": ({f"{CONV}.lokr_w1": (4, 4, 1, 1), f"{CONV}.lokr_w2": (80, 80, 3, 3)}, "lokr_w1"),
    "kronecker-of-low-rank": (
        {f"{FF}.lokr_w1": (4, 4), f"{FF}.lokr_w2_a": (160, 2), f"{FF}.lokr_w2_b": (2, 640)},
        "lokr_w2_a",
    ),
}


@pytest.mark.parametrize("name", FITTING)
def test_a_lora_that_fits_is_painted(engine: DiffusionEngine, lora_folder: Path, name: str) -> None:
    write_lora(lora_folder / f"{name}.safetensors", FITTING[name])  # the library does not read a file again
    outcome = run(engine, image_job(prompt=f"a cat<lora:{name}:0.1>", steps=1))
    assert isinstance(outcome.events[-1], Done)
    assert outcome.pictures[0].warnings == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_lora_of_which_nothing_fits_is_refused_each_time(
    engine: DiffusionEngine, lora_folder: Path, name: str
) -> None:
    write_lora(lora_folder / f"{name}.safetensors", OTHERS[name])
    for _ in range(2):
        failed = run(engine, image_job(prompt=f"a cat<lora:{name}:0.1>", steps=1)).events[-1]
        assert isinstance(failed, Failed)
        assert (failed.status, failed.param) == (400, "prompt")
        assert f"a LoRA of this model in {name}.safetensors" in failed.message


def test_a_lora_that_fits_in_part_is_painted_with_a_warning_each_time(
    engine: DiffusionEngine, lora_folder: Path
) -> None:
    write_lora(lora_folder / "partial.safetensors", {**FITTING["convolution"], **OTHERS["another-models-layer"]})
    for _ in range(2):
        outcome = run(engine, image_job(prompt="a cat<lora:partial:0.1>", steps=1))
        assert outcome.pictures[0].warnings == ["partial.safetensors: 2 of 4 tensors fit the model"]


@pytest.mark.parametrize(("shapes", "tensor"), UNFITTING.values(), ids=UNFITTING.keys())
def test_a_lora_of_another_shape_is_refused_with_its_tensor(
    engine: DiffusionEngine, lora_folder: Path, shapes: Shapes, tensor: str
) -> None:
    write_lora(lora_folder / "other.safetensors", shapes)
    with pytest.raises(JobError, match=r"^prompt: expected a LoRA that fits the model in <lora:other>, got") as refused:
        engine.submit(image_job(prompt="a cat<lora:other:1>"))
    assert (refused.value.failed.status, refused.value.failed.param) == (400, "prompt")
    assert tensor in refused.value.failed.message
    assert not engine.has_work()


def header_of(entry: object) -> bytes:
    text = json.dumps({"a.lora_down.weight": entry}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(64)


GOOD = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        bytes(8),
        bytes(100),
        b"\xff" * 100,
        (10**9).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b"not json!",
        (40_000).to_bytes(8, "little") + b"[" * 40_000,
        header_of(None),
        header_of([]),
        header_of({"shape": [1], "data_offsets": [0, 4]}),
        header_of({**GOOD, "dtype": "C64"}),
        header_of({**GOOD, "dtype": 4}),
        header_of({**GOOD, "shape": [4, -4]}),
        header_of({**GOOD, "shape": [0, 4], "data_offsets": [0, 0]}),
        header_of({**GOOD, "shape": [4, 4.0]}),
        header_of({**GOOD, "shape": ["4", 4]}),
        header_of({**GOOD, "shape": [1] * 6}),
        header_of({**GOOD, "shape": [2**40, 2**40]}),
        header_of({**GOOD, "data_offsets": [64, 0]}),
        header_of({**GOOD, "data_offsets": [4, 68]}),
        header_of({**GOOD, "data_offsets": [0]}),
        header_of({**GOOD, "data_offsets": [0, 60]}),
        header_of(GOOD)[:-8],
        b"GGUF" + b"\xff" * 60,
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(TensorFileError):
        read_shapes(path)
    with pytest.raises(JobError, match=r"^prompt: expected a LoRA that can be read in <lora:bad>, got") as refused:
        LoraFit(()).check(path)
    assert refused.value.failed.status == 400


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "ink.safetensors"
    write_lora(path, FITTING["linear"])
    fit = LoraFit(())
    fit.check(path)
    fit.check(path)
    path.write_bytes(b"damaged")
    with pytest.raises(JobError):
        fit.check(path)


def test_all_conventions_name_the_same_layer() -> None:
    original = "model.diffusion_model.output_blocks.5.2.conv"
    assert layer_key("lora_unet_up_blocks_1_upsamplers_0_conv") == layer_key(original)
    assert layer_key("unet.mid_block.resnets.1.conv2") == layer_key("model.diffusion_model.middle_block.2.out_layers.3")
    assert layer_key("unet.down_blocks.0.downsamplers.0.conv") == layer_key("model.diffusion_model.input_blocks.3.0.op")
    text = "cond_stage_model.transformer.text_model.encoder.layers.3.self_attn.k_proj"
    assert layer_key("lora_te_text_model_encoder_layers_3_self_attn_k_proj") == layer_key(text)
