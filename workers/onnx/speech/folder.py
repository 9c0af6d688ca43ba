"""A Whisper model's folder: its graphs and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from shared.engines.onnx.folders import read_json, root_of
from shared.engines.onnx.speech import Decoders, decoders_of
from shared.errors import ModelError
from workers.engine import EngineLoadError

FRAMES = 1500
"""Frames that the encoder gives for 30 s."""

MIN_MULTILINGUAL_TOKENS = 51_865
"""English-only models have fewer."""

_LIMITS = {
    "num_mel_bins": 1024,
    "d_model": 65_536,
    "decoder_layers": 1024,
    "decoder_attention_heads": 1024,
    "max_target_positions": 65_536,
    "vocab_size": 16_777_216,
}
"""Numbers in ``config.json`` that must be there, and the highest that each may have."""


@dataclass(frozen=True, slots=True)
class WhisperFolder:
    """The files of a model, and what its ``config.json`` and ``generation_config.json`` say.

    ``suppressed`` tokens are never generated, ``suppressed_at_begin`` not as the first one. ``alignment_heads`` are the
    layers and heads whose attention follows the words.
    """

    encoder: Path
    decoders: Decoders[Path]
    tokenizer: Path
    mels: int
    width: int
    layers: int
    heads: int
    positions: int
    vocabulary: int
    multilingual: bool
    suppressed: tuple[int, ...]
    suppressed_at_begin: tuple[int, ...]
    alignment_heads: tuple[tuple[int, int], ...]

    @property
    def row_bytes(self) -> int:
        """The bytes that the decoder holds of a chunk, for each of its beams."""
        return self.layers * 2 * self.width * FRAMES * 4

    @classmethod
    def read(cls, encoder: Path) -> Self:
        """The folder of the graph ``encoder``.

        Raises:
            EngineLoadError: a file is missing, or a setting is not what it must be.
        """
        root = root_of(encoder)
        try:
            config, generation = read_json(root / "config.json"), read_json(root / "generation_config.json")
            decoders = decoders_of(encoder)
        except ModelError as error:
            raise EngineLoadError(str(error)) from None
        if decoders is None:
            raise EngineLoadError(f"{root}: expected a decoder beside {encoder.name}, got none")
        numbers = {name: _number(root, config, name) for name in _LIMITS}
        layers, heads = numbers["decoder_layers"], numbers["decoder_attention_heads"]
        told = {**config, **{name: value for name, value in generation.items() if value is not None}}
        pairs = [_whole_numbers(pair) for pair in _list(told.get("alignment_heads"))]
        known = tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2 and pair[0] < layers and pair[1] < heads)
        return cls(
            encoder=encoder,
            decoders=decoders,
            tokenizer=root / "tokenizer.json",
            mels=numbers["num_mel_bins"],
            width=numbers["d_model"],
            layers=layers,
            heads=heads,
            positions=numbers["max_target_positions"],
            vocabulary=numbers["vocab_size"],
            multilingual=_multilingual(told.get("is_multilingual"), numbers["vocab_size"]),
            suppressed=_whole_numbers(told.get("suppress_tokens")),
            suppressed_at_begin=_whole_numbers(told.get("begin_suppress_tokens")),
            alignment_heads=known or _later_half(layers, heads),
        )


def _number(root: Path, config: dict[str, Any], name: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or not 0 < value <= _LIMITS[name]:
        raise EngineLoadError(f"{root / 'config.json'}: {name}: expected 1 to {_LIMITS[name]}, got {value!r}")
    return value


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole_numbers(value: object) -> tuple[int, ...]:
    return tuple(each for each in _list(value) if isinstance(each, int) and each >= 0)


def _multilingual(told: object, vocabulary: int) -> bool:
    return told if isinstance(told, bool) else vocabulary >= MIN_MULTILINGUAL_TOKENS


def _later_half(layers: int, heads: int) -> tuple[tuple[int, int], ...]:
    """The heads that are used where nobody has looked for better ones, as in Whisper's reference implementation."""
    return tuple((layer, head) for layer in range(layers // 2, layers) for head in range(heads))
