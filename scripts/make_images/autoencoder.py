"""The autoencoder of FLUX: as narrow as the library allows, with random weights."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.make_tiny_sd import Tensor, conv, norm

_ENCODER_CHANNELS = 128
"""Of the encoder; the library reads only the decoder's from the file."""

_DECODER_CHANNELS = 32
_MULTIPLES = (1, 2, 4, 4)
_BLOCKS = 2


def autoencoder(latents: int, quantises: bool) -> Iterator[Tensor]:
    """An autoencoder with so many channels of latents. That of FLUX.2 ``quantises``, as the first ones did."""
    yield from _encoder(latents)
    yield from _decoder(latents)
    if quantises:
        yield from conv("encoder.quant_conv", 2 * latents, 2 * latents, side=1)
        yield from conv("decoder.post_quant_conv", latents, latents, side=1)


def _encoder(latents: int) -> Iterator[Tensor]:
    name, width = "encoder.", _ENCODER_CHANNELS
    yield from conv(f"{name}conv_in", 3, width)
    for level, multiple in enumerate(_MULTIPLES):
        outputs = _ENCODER_CHANNELS * multiple
        for block in range(_BLOCKS):
            yield from _residual(f"{name}down.{level}.block.{block}", width, outputs)
            width = outputs
        if level < len(_MULTIPLES) - 1:
            yield from conv(f"{name}down.{level}.downsample.conv", width, width)
    yield from _middle(name, width)
    yield from norm(f"{name}norm_out", width)
    yield from conv(f"{name}conv_out", width, 2 * latents)


def _decoder(latents: int) -> Iterator[Tensor]:
    name, width = "decoder.", _DECODER_CHANNELS * _MULTIPLES[-1]
    yield from conv(f"{name}conv_in", latents, width)
    yield from _middle(name, width)
    for level in reversed(range(len(_MULTIPLES))):
        outputs = _DECODER_CHANNELS * _MULTIPLES[level]
        for block in range(_BLOCKS + 1):
            yield from _residual(f"{name}up.{level}.block.{block}", width, outputs)
            width = outputs
        if level:
            yield from conv(f"{name}up.{level}.upsample.conv", width, width)
    yield from norm(f"{name}norm_out", width)
    yield from conv(f"{name}conv_out", width, 3)


def _middle(name: str, width: int) -> Iterator[Tensor]:
    yield from _residual(f"{name}mid.block_1", width, width)
    yield from norm(f"{name}mid.attn_1.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        yield from conv(f"{name}mid.attn_1.{part}", width, width, side=1)
    yield from _residual(f"{name}mid.block_2", width, width)


def _residual(name: str, inputs: int, outputs: int) -> Iterator[Tensor]:
    yield from norm(f"{name}.norm1", inputs)
    yield from conv(f"{name}.conv1", inputs, outputs)
    yield from norm(f"{name}.norm2", outputs)
    yield from conv(f"{name}.conv2", outputs, outputs)
    if inputs != outputs:
        yield from conv(f"{name}.nin_shortcut", inputs, outputs, side=1)
