"""Make a LoRA adapter of random weights for a GGUF model, or merge one into the model, as a reference.

    python -m scripts.make_lora MODEL.gguf ADAPTER.gguf --strength 0.2 --seed 1
    python -m scripts.make_lora MODEL.gguf MERGED.gguf --merge ADAPTER.gguf

With strength 0, the adapter changes nothing. ``--merge none`` only converts the tensors that adapters change to
float32, so that a model with an adapter and one with the same adapter merged are computed with the same numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

CHANGED = ("attn_q.weight", "attn_v.weight", "ffn_down.weight")
EVERY = 5
"""Every fifth layer is changed: merged files stay small."""

A, B = ".lora_a", ".lora_b"


def write_adapter(model: Path, path: Path, strength: float, rank: int = 4, seed: int = 0) -> None:
    """Write an adapter for a model. ``strength`` is how large the change is beside a tensor's own values, about."""
    random = np.random.default_rng(seed)
    reader = gguf.GGUFReader(model)
    writer = gguf.GGUFWriter(path, _architecture(reader))
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for tensor in _changed(reader):
        own = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        rows, columns = own.shape
        a = random.standard_normal((rank, columns)).astype(np.float32)
        b = random.standard_normal((rows, rank)).astype(np.float32)
        b *= np.float32(strength * own.std() / np.sqrt(rank))
        writer.add_tensor(tensor.name + A, a)
        writer.add_tensor(tensor.name + B, b)
    _finish(writer)


def write_merged(model: Path, path: Path, adapter: Path | None = None, scale: float = 1.0) -> None:
    """Write a model with an adapter merged into its weights. The tensors that adapters change become float32."""
    reader = gguf.GGUFReader(model)
    change = {} if adapter is None else _products(gguf.GGUFReader(adapter))
    writer = gguf.GGUFWriter(path, _architecture(reader))
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], inner)
    names = {tensor.name for tensor in _changed(reader)}
    for tensor in reader.tensors:
        if tensor.name in names:
            own = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            writer.add_tensor(tensor.name, own + np.float32(scale) * change.get(tensor.name, np.float32(0)))
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    _finish(writer)


def _products(reader: gguf.GGUFReader) -> dict[str, NDArray[np.float32]]:
    """What an adapter adds to each tensor at scale 1: alpha / rank times B A."""
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    field = reader.get_field("adapter.lora.alpha")
    assert field is not None
    alpha = float(field.contents())
    names = [name.removesuffix(A) for name in tensors if name.endswith(A)]
    return {name: alpha / len(tensors[name + A]) * tensors[name + B] @ tensors[name + A] for name in names}


def _changed(reader: gguf.GGUFReader) -> Iterator[Any]:
    for tensor in reader.tensors:
        if tensor.name.endswith(CHANGED) and int(tensor.name.split(".")[1]) % EVERY == 0:
            yield tensor


def _architecture(reader: gguf.GGUFReader) -> str:
    field = reader.get_field("general.architecture")
    assert field is not None
    return str(field.contents())


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("path", type=Path, help="the file to write")
    parser.add_argument("--strength", type=float, default=0.2)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--merge", help="an adapter, or none")
    given = parser.parse_args()
    if given.merge:
        write_merged(given.model, given.path, None if given.merge == "none" else Path(given.merge))
    else:
        write_adapter(given.model, given.path, given.strength, given.rank, given.seed)


if __name__ == "__main__":
    main()
