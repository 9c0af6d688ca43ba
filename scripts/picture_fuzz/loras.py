"""LoRA files at random: some fit the small model, most are wrong in one way."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

_LAYERS = {
    "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_ff_net_2": (640, 2560),
    "model.diffusion_model.input_blocks.7.1.transformer_blocks.0.attn2.to_k": (1280, 768),
    "lora_unet_down_blocks_0_resnets_0_conv1": (320, 320, 3, 3),
    "unet.down_blocks.1.attentions.0.proj_in": (640, 640, 1, 1),
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (768, 768),
    "lora_unet_mid_block_attentions_0_proj_in": (1280, 1280),
    "lora_unet_double_blocks_0_img_attn_qkv": (9216, 3072),
}
_BAD_DATA = (b"", b"PK\3\4", b"GGUF" + b"\xff" * 40, bytes(64), (10**15).to_bytes(8, "little") + b"{}")


def write_random_loras(folder: Path, seed: int, count: int) -> None:
    """Write ``count`` files, the same ones for the same ``seed``."""
    pick = random.Random(seed)
    for number in range(count):
        path = folder / f"style{number}.safetensors"
        path.write_bytes(pick.choice(_BAD_DATA) if pick.random() < 0.1 else _file(pick))


def _file(pick: random.Random) -> bytes:
    shapes: dict[str, list[int]] = {}
    for layer, (outputs, *inputs) in pick.sample(sorted(_LAYERS.items()), pick.choice((1, 1, 2))):
        rank = pick.choice((1, 2, 4))
        ends = {".lora_down.weight": [rank, *inputs], ".lora_up.weight": [outputs, rank, *[1] * (len(inputs) - 1)]}
        other = {".diff": [outputs, *inputs]} if math.prod(inputs) * outputs < 10**6 else {}
        factors = {".lokr_w1": [2, 2], ".lokr_w2": [outputs // 2, inputs[0] // 2, *inputs[1:]]}
        chosen = pick.choice((ends, ends, ends, {**ends, ".alpha": []}, factors, other))
        shapes |= {layer + end: shape for end, shape in chosen.items()}
    if shapes and pick.random() < 0.6:
        _spoil(pick, shapes[pick.choice(sorted(shapes))])
    header, size = {}, 0
    for name, shape in shapes.items():
        end = size + 4 * math.prod(shape)
        header[name], size = {"dtype": "F32", "shape": shape, "data_offsets": [size, end]}, end
    text = bytearray(json.dumps(header).encode())
    if pick.random() < 0.15:
        text[pick.randrange(len(text))] = pick.getrandbits(8)
    data = bytes(text) + b"\0\0\x80\x3c" * (size // 4)
    return len(text).to_bytes(8, "little") + (data if pick.random() < 0.95 else data[:-4])


def _spoil(pick: random.Random, shape: list[int]) -> None:
    if not shape or pick.random() < 0.2:
        shape.append(1)
    elif pick.random() < 0.2:
        shape.reverse()
    else:
        place = pick.randrange(len(shape))
        shape[place] = max(shape[place] + pick.choice((-1, 1, 3)), 1)
