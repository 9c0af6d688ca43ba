"""What a folder in the hub's layout says of its decoder: its config.json, and the graph itself."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from workers.engine import EngineLoadError
from workers.onnx.text.decoding.layout import DecoderNames, DecoderSettings
from workers.onnx.text.folder_files import read_object

CONFIG = "config.json"

_PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_CONTEXT = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "seq_length")
_HEAD_SIZE = ("head_dim", "kv_channels")
_WIDTH, _HEADS = ("hidden_size", "n_embd", "d_model"), ("num_attention_heads", "n_head", "n_heads")
_KV_HEADS = ("num_key_value_heads", "multi_query_kv_heads")

_SHARES_BUFFER = b"GroupQueryAttention"


def has_grouped_attention(graph: Path) -> bool:
    """Whether a graph has an attention that reads each row's own length, and writes behind it.

    Others take the mask as it is, and return keys and values in new tensors.
    """
    with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(_SHARES_BUFFER) >= 0


def read_hub_settings(folder: Path, graph: Path, session: onnxruntime.InferenceSession) -> DecoderSettings:
    """The settings of the graph in a folder, which ``session`` has opened.

    Raises:
        EngineLoadError: they are damaged, or the graph is not that of a decoder with keys and values.
    """
    config = read_object(folder, CONFIG)
    inner = config.get("text_config")
    values = config | inner if isinstance(inner, dict) else config
    shares = has_grouped_attention(graph)
    return DecoderSettings(
        graph=graph,
        type=str(values.get("model_type", "")),
        context_tokens=_required(values, _CONTEXT),
        head_size=_head_size(values),
        names=_names(graph, session),
        shares_buffer=shares,
        is_plain=True,
        heads=_first(values, (*_KV_HEADS, *_HEADS)),
    )


def _names(graph: Path, session: onnxruntime.InferenceSession) -> DecoderNames:
    """The names of inputs and outputs, which do not vary but for the number of layers."""
    given = {one.name for one in session.get_inputs()}
    layers = len({found[1] for name in given if (found := _PAST.fullmatch(name))})
    past = tuple(_of_layers("past_key_values", layers))
    names = DecoderNames(
        "input_ids", "attention_mask", "position_ids", "logits", past, tuple(_of_layers("present", layers))
    )
    missing = [name for name in ("input_ids", *past) if name not in given] or (
        [] if past else ["past_key_values.0.key"]
    )
    outputs = {one.name for one in session.get_outputs()}
    missing += [name for name in ("logits", *names.present) if name not in outputs]
    if missing:
        raise EngineLoadError(f"{_shown(graph)}: expected a decoder with {_listed(missing)}, got a graph without")
    return names


def check_inputs(graph: Path, session: onnxruntime.InferenceSession, known: set[str]) -> None:
    """Check that a graph wants nothing but the inputs that are ``known``.

    Raises:
        EngineLoadError: it does.
    """
    other = [one.name for one in session.get_inputs() if one.name not in known]
    if other:
        raise EngineLoadError(
            f"{_shown(graph)}: expected a decoder of tokens, keys and values only, got one with {_listed(other)}"
        )


def _of_layers(prefix: str, layers: int) -> Iterator[str]:
    for layer in range(layers):
        yield f"{prefix}.{layer}.key"
        yield f"{prefix}.{layer}.value"


def _head_size(values: dict[str, Any]) -> int:
    given = _first(values, _HEAD_SIZE)
    return given or max(1, _first(values, _WIDTH) // (_first(values, _HEADS) or 1))


def _required(values: dict[str, Any], names: Sequence[str]) -> int:
    value = _first(values, names)
    if not 1 <= value <= 1 << 30:
        raise EngineLoadError(f"{CONFIG}: expected {names[0]} from 1 to {1 << 30}, got {value or 'none'}")
    return value


def _first(values: dict[str, Any], names: Sequence[str]) -> int:
    """The first of these settings that is a number; 0 if none is."""
    return next((value for name in names if type(value := values.get(name)) is int and value > 0), 0)


def _shown(graph: Path) -> str:
    return f"{graph.parent.name}/{graph.name}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
