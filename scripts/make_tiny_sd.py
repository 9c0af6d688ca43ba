"""Write a small, complete Stable Diffusion checkpoint with random weights, to test the image engine without a download.

    python -m scripts.make_tiny_sd OUT.gguf

The pictures are noise, but text encoder, UNet and autoencoder run as in a real model. The layout is that of SDXS-512
(an SD 1.x UNet without a middle block, and TAESD as the autoencoder), the smallest that stable-diffusion.cpp loads from
one file. The layout fixes every shape, so the file is kept small by its types: matrices are ternary (TQ1_0) or Q4_0.
Convolutions must be F16, so only some of their output channels are non-zero; the others are holes in the file.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

F32, F16, Q4_0, TQ1_0 = 0, 1, 2, 34
"""Numbers of ggml's tensor types."""

_BLOCKS = {F32: (1, 4), F16: (1, 2), Q4_0: (32, 18), TQ1_0: (256, 54)}
"""Elements and bytes per block of each type."""

_ALIGNMENT_BYTES = 32
_DENSE_CHANNELS = 32
"""Non-zero output channels of a large convolution."""

_TEXT = "cond_stage_model.transformer.text_model."
_UNET = "model.diffusion_model."
_TIME_WIDTH = 1280
_TEXT_WIDTH = 768


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor with random values of the given ``mean`` and standard deviation ``spread``.

    ``shape`` is in ggml's order, fastest dimension first; for convolutions: width, height, input, output. Only the
    first ``dense`` entries of the slowest dimension are written, the others are zero.
    """

    name: str
    shape: tuple[int, ...]
    ggml_type: int
    mean: float = 0.0
    spread: float = 0.0
    dense: int | None = None

    @property
    def dense_elements(self) -> int:
        """The number of leading elements that may be non-zero."""
        *row, slowest = self.shape
        return int(np.prod(row, dtype=np.int64)) * (slowest if self.dense is None else min(self.dense, slowest))

    @property
    def size_bytes(self) -> int:
        """Bytes in the file, including holes."""
        elements, size = _BLOCKS[self.ggml_type]
        return int(np.prod(self.shape, dtype=np.int64)) // elements * size


def make_tiny_sd(path: Path, seed: int = 0) -> None:
    """Write the checkpoint (GGUF) to ``path`` atomically. The same seed gives the same bytes."""
    metadata = {"general.architecture": "sd1", "general.name": "Tiny Stable Diffusion with random weights"}
    write_gguf(path, list(_tensors()), metadata, seed)


def write_gguf(path: Path, tensors: list[Tensor], metadata: dict[str, str], seed: int = 0) -> None:
    """Write ``tensors`` as a GGUF file to ``path`` atomically. Zeros at their ends are holes in the file."""
    generator = np.random.default_rng(seed)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_header(tensors, metadata))
            for tensor in tensors:
                begin = file.tell() + -file.tell() % _ALIGNMENT_BYTES
                file.seek(begin)
                file.write(_data(tensor, generator))
                file.seek(begin + tensor.size_bytes)
            file.truncate()
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _header(tensors: list[Tensor], metadata: dict[str, str]) -> bytes:
    """A padded GGUF header, see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _string(key) + struct.pack("<I", 8) + _string(value)
    offset = 0
    for tensor in tensors:
        dims = tensor.shape
        head += _string(tensor.name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
        head += struct.pack("<IQ", tensor.ggml_type, offset)
        offset += tensor.size_bytes + -tensor.size_bytes % _ALIGNMENT_BYTES
    return head + b"\0" * (-len(head) % _ALIGNMENT_BYTES)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _data(tensor: Tensor, generator: np.random.Generator) -> bytes:
    count = tensor.dense_elements
    if tensor.ggml_type == Q4_0:  # a scale, then 32 values from -8 to 7
        return _random_blocks(count // 32, 16, tensor.spread / 4.61, generator, scale_first=True)
    if tensor.ggml_type == TQ1_0:  # 256 values of -1, 0 and 1, five per byte, then a scale
        return _random_blocks(count // 256, 52, tensor.spread / 0.816, generator, scale_first=False)
    values = generator.standard_normal(count, dtype=np.float32) * np.float32(tensor.spread) + np.float32(tensor.mean)
    return values.astype("<f2" if tensor.ggml_type == F16 else "<f4").tobytes()


def _random_blocks(
    count: int, number_bytes: int, scale: float, generator: np.random.Generator, *, scale_first: bool
) -> bytes:
    """Quantised blocks with the same scale and random values; every bit pattern is valid."""
    blocks = generator.integers(0, 256, (count, number_bytes + 2), dtype=np.uint8)
    place = slice(0, 2) if scale_first else slice(number_bytes, None)
    blocks[:, place] = np.frombuffer(np.array(scale, "<f2").tobytes(), np.uint8)
    return blocks.tobytes()


def _tensors() -> Iterator[Tensor]:
    yield from text_encoder()
    yield from _unet()
    yield from _tiny_autoencoder()


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Iterator[Tensor]:
    """A linear layer, as ternary as its width allows."""
    yield Tensor(f"{name}.weight", (inputs, outputs), Q4_0 if inputs % 256 else TQ1_0, spread=inputs**-0.5)
    if bias:
        yield Tensor(f"{name}.bias", (outputs,), F32, spread=0.02)


def conv(
    name: str, inputs: int, outputs: int, side: int = 3, bias: float | None = 0.0, gain: float = 1.0
) -> Iterator[Tensor]:
    """A convolution with a square kernel; without a bias for None."""
    spread = gain * (inputs * side * side) ** -0.5
    dense = _DENSE_CHANNELS if side > 1 and outputs > 64 else None
    yield Tensor(f"{name}.weight", (side, side, inputs, outputs), F16, spread=spread, dense=dense)
    if bias is not None:
        yield Tensor(f"{name}.bias", (outputs,), F32, mean=bias, spread=0.02)


def norm(name: str, width: int) -> Iterator[Tensor]:
    """A normalisation: scales about 1, biases about 0."""
    yield Tensor(f"{name}.weight", (width,), F32, mean=1.0, spread=0.02)
    yield Tensor(f"{name}.bias", (width,), F32, spread=0.02)


def text_encoder(prefix: str = _TEXT) -> Iterator[Tensor]:
    """The text encoder of CLIP ViT-L/14: 12 layers."""
    yield Tensor(f"{prefix}embeddings.token_embedding.weight", (_TEXT_WIDTH, 49408), Q4_0, spread=1.0)
    yield Tensor(f"{prefix}embeddings.position_embedding.weight", (_TEXT_WIDTH, 77), F16, spread=0.1)
    for layer in range(12):
        name = f"{prefix}encoder.layers.{layer}."
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from linear(f"{name}self_attn.{part}", _TEXT_WIDTH, _TEXT_WIDTH)
        yield from norm(f"{name}layer_norm1", _TEXT_WIDTH)
        yield from linear(f"{name}mlp.fc1", _TEXT_WIDTH, 4 * _TEXT_WIDTH)
        yield from linear(f"{name}mlp.fc2", 4 * _TEXT_WIDTH, _TEXT_WIDTH)
        yield from norm(f"{name}layer_norm2", _TEXT_WIDTH)
    yield from norm(f"{prefix}final_layer_norm", _TEXT_WIDTH)


def _unet() -> Iterator[Tensor]:
    yield from linear(f"{_UNET}time_embed.0", 320, _TIME_WIDTH)
    yield from linear(f"{_UNET}time_embed.2", _TIME_WIDTH, _TIME_WIDTH)
    yield from conv(f"{_UNET}input_blocks.0.0", 4, 320)
    yield from _residual("input_blocks.1.0", 320, 320)
    yield from conv(f"{_UNET}input_blocks.3.0.op", 320, 320)
    yield from _residual("input_blocks.4.0", 320, 640)
    yield from _attention("input_blocks.4.1", 640)
    yield from conv(f"{_UNET}input_blocks.6.0.op", 640, 640)
    yield from _residual("input_blocks.7.0", 640, 1280)
    yield from _attention("input_blocks.7.1", 1280)
    yield from _residual("output_blocks.0.0", 1280 + 1280, 1280)
    yield from _attention("output_blocks.0.1", 1280)
    yield from _residual("output_blocks.1.0", 1280 + 640, 1280)
    yield from _attention("output_blocks.1.1", 1280)
    yield from conv(f"{_UNET}output_blocks.2.1.conv", 1280, 1280)
    yield from _residual("output_blocks.3.0", 1280 + 640, 640)
    yield from _attention("output_blocks.3.1", 640)
    yield from _residual("output_blocks.4.0", 640 + 320, 640)
    yield from _attention("output_blocks.4.1", 640)
    yield from conv(f"{_UNET}output_blocks.5.2.conv", 640, 640)
    yield from _residual("output_blocks.6.0", 640 + 320, 320)
    yield from _residual("output_blocks.7.0", 320 + 320, 320)
    yield from norm(f"{_UNET}out.0", 320)
    yield from conv(f"{_UNET}out.2", 320, 4)


def _residual(name: str, inputs: int, outputs: int) -> Iterator[Tensor]:
    name = _UNET + name
    yield from norm(f"{name}.in_layers.0", inputs)
    yield from conv(f"{name}.in_layers.2", inputs, outputs)
    yield from linear(f"{name}.emb_layers.1", _TIME_WIDTH, outputs)
    yield from norm(f"{name}.out_layers.0", outputs)
    yield from conv(f"{name}.out_layers.3", outputs, outputs)
    if inputs != outputs:
        yield from conv(f"{name}.skip_connection", inputs, outputs, side=1)


def _attention(name: str, width: int) -> Iterator[Tensor]:
    name = _UNET + name
    block = f"{name}.transformer_blocks.0"
    yield from norm(f"{name}.norm", width)
    yield from conv(f"{name}.proj_in", width, width, side=1)
    for part, context in (("attn1", width), ("attn2", _TEXT_WIDTH)):
        yield from linear(f"{block}.{part}.to_q", width, width, bias=False)
        yield from linear(f"{block}.{part}.to_k", context, width, bias=False)
        yield from linear(f"{block}.{part}.to_v", context, width, bias=False)
        yield from linear(f"{block}.{part}.to_out.0", width, width)
    yield from linear(f"{block}.ff.net.0.proj", width, 8 * width)
    yield from linear(f"{block}.ff.net.2", 4 * width, width)
    for part in ("norm1", "norm2", "norm3"):
        yield from norm(f"{block}.{part}", width)
    yield from conv(f"{name}.proj_out", width, width, side=1)


def _tiny_autoencoder() -> Iterator[Tensor]:
    """TAESD: https://github.com/madebyollin/taesd"""
    yield from conv("tae.encoder.layers.0", 3, 64)
    for index in range(1, 14):
        if index in (2, 6, 10):
            yield from conv(f"tae.encoder.layers.{index}", 64, 64, bias=None)
        else:
            yield from _tiny_block(f"tae.encoder.layers.{index}")
    yield from conv("tae.encoder.layers.14", 64, 4)
    yield from conv("tae.decoder.layers.0", 4, 64)
    for index in (2, 3, 4, 7, 8, 9, 12, 13, 14, 17):
        yield from _tiny_block(f"tae.decoder.layers.{index}")
    for index in (6, 11, 16):
        yield from conv(f"tae.decoder.layers.{index}", 64, 64, bias=None)
    yield from conv("tae.decoder.layers.18", 64, 3, bias=0.5, gain=0.2)


def _tiny_block(name: str) -> Iterator[Tensor]:
    for index in (0, 2, 4):
        yield from conv(f"{name}.conv.{index}", 64, 64)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.make_tiny_sd", description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT", help="the GGUF file to write, such as tiny.gguf")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random weights (default 0)")
    options = parser.parse_args(arguments)
    print(f"writing {options.out} ...", file=sys.stderr)
    try:
        make_tiny_sd(options.out, options.seed)
    except OSError as error:
        print(f"{options.out}: not written: {error.strerror or error}", file=sys.stderr)
        return 1
    size = options.out.stat()
    print(f"done: {size.st_size / 1e6:.0f} MB, {size.st_blocks * 512 / 1e6:.0f} MB on disk", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
