"""Files of LoRAs for tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from workers.diffusion.lora_files import Shapes


def write_lora(path: Path, shapes: Shapes) -> None:
    """Write tensors of these shapes with random values, as safetensors."""
    generator = np.random.default_rng(0)
    header: dict[str, object] = {}
    data = b""
    for name, shape in shapes.items():
        begin, data = len(data), data + np.asarray(generator.standard_normal(shape)).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
