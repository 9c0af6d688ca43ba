"""What a folder of onnxruntime-genai says of its decoder, and whether its graph can compute many sequences at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.engine import EngineLoadError
from workers.onnx.text.folder_files import read_object

CONFIG = "genai_config.json"

TWO_ROTATIONS = frozenset({"phi3", "phimoe", "phi3small", "phi3v", "phi4mm"})
"""Types of models whose graphs rotate all positions in another way as soon as one is beyond :data:`FIRST_ROTATION`."""

FIRST_ROTATION_TOKENS = 4096

MAX_LAYERS = 1024


@dataclass(frozen=True, slots=True)
class DecoderNames:
    """The names of a graph's inputs and outputs. Those of the cache hold one name for each layer."""

    tokens: str
    mask: str
    positions: str
    logits: str
    past: tuple[str, ...]
    present: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """A decoder, as its folder describes it.

    ``shares_buffer`` says that keys and values are written into the buffers that they are read from, each sequence at
    its own position. ``is_plain`` says that one graph, with no other inputs than those named, is all there is.
    ``heads`` are those of keys and values, 0 if the settings do not tell.
    """

    graph: Path
    type: str
    context_tokens: int
    head_size: int
    names: DecoderNames
    shares_buffer: bool
    is_plain: bool
    heads: int = 0

    @property
    def trained_tokens(self) -> int:
        """The context window in which sequences can be computed beside each other, in tokens."""
        return min(self.context_tokens, FIRST_ROTATION_TOKENS) if self.type in TWO_ROTATIONS else self.context_tokens


_INPUTS = frozenset({"input_ids", "attention_mask", "position_ids", "past_key_names", "past_value_names"})
_OUTPUTS = frozenset({"logits", "present_key_names", "present_value_names"})
_OTHER_PARTS = frozenset({"pipeline", "sliding_window", "encoder", "embedding", "vision", "speech", "draft"})


def read_settings(folder: Path) -> DecoderSettings:
    """Read the settings of a folder.

    Raises:
        EngineLoadError: they are damaged, or not those of a decoder.
    """
    config = read_object(folder, CONFIG)
    model = _part(config, "model")
    decoder = _part(model, "decoder", "model.")
    inputs, outputs = decoder.get("inputs", {}), decoder.get("outputs", {})
    parts = {*decoder, *model} & _OTHER_PARTS
    known = isinstance(inputs, dict) and isinstance(outputs, dict) and inputs.keys() <= _INPUTS
    search = config.get("search")
    return DecoderSettings(
        graph=folder / _file_name(decoder.get("filename")),
        type=str(model.get("type", "")),
        context_tokens=_count(model.get("context_length"), "model.context_length", 1 << 30),
        head_size=_count(decoder.get("head_size", 1), "decoder.head_size", 1 << 16),
        names=_names(inputs, outputs, _count(decoder.get("num_hidden_layers"), "num_hidden_layers", MAX_LAYERS)),
        shares_buffer=isinstance(search, dict) and search.get("past_present_share_buffer") is True,
        is_plain=known and outputs.keys() <= _OUTPUTS and not parts,
    )


def _names(inputs: Any, outputs: Any, layers: int) -> DecoderNames:
    def named(names: Any, key: str, usual: str) -> str:
        name = names.get(key, usual) if isinstance(names, dict) else usual
        return name if isinstance(name, str) else usual

    def of_layers(names: Any, key: str, value: str, usual: str) -> tuple[str, ...]:
        patterns = [named(names, f"{usual}_key_names", key), named(names, f"{usual}_value_names", value)]
        return tuple(pattern.replace("%d", str(layer)) for layer in range(layers) for pattern in patterns)

    return DecoderNames(
        tokens=named(inputs, "input_ids", "input_ids"),
        mask=named(inputs, "attention_mask", "attention_mask"),
        positions=named(inputs, "position_ids", "position_ids"),
        logits=named(outputs, "logits", "logits"),
        past=of_layers(inputs, "past_key_values.%d.key", "past_key_values.%d.value", "past"),
        present=of_layers(outputs, "present.%d.key", "present.%d.value", "present"),
    )


def _part(values: dict[str, Any], name: str, within: str = "") -> dict[str, Any]:
    part = values.get(name)
    if not isinstance(part, dict):
        raise EngineLoadError(f"{CONFIG}: expected {within}{name}, the settings of a text model, got none")
    return part


def _file_name(name: Any) -> str:
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise EngineLoadError(f"{CONFIG}: expected decoder.filename to name a file of its folder, got {name!r}")
    return name


def _count(value: Any, name: str, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise EngineLoadError(f"{CONFIG}: expected {name} from 1 to {most}, got {value!r}")
    return value
