"""From the tensors of a GGUF file to what each layer of a text model takes: weights, KV cache, states.

The shapes of tensors say more than the header's keys: in many models, layers differ. The file is not trusted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.gguf.header import Scalar
from shared.gguf.tensors import TensorInfo

_BLOCK = re.compile(r"blk\.(\d{1,6})\.(.+)")
_EXPERTS = re.compile(r"ffn_(?:gate|up|down|gate_up)_(?:ch)?exps")
_FLOAT_BYTES = 4

_WINDOW_PATTERNS = {
    "afmoe": (4, False),
    "cohere2": (4, False),
    "cohere2moe": (4, True),
    "exaone4": (4, False),
    "exaone-moe": (4, False),
    "gemma2": (2, False),
    "gemma3": (6, False),
    "gemma3n": (5, False),
    "gpt-oss": (2, False),
    "laguna": (4, True),
    "mellum": (4, False),
    "olmo2": (4, False),
    "plamo3": (8, False),
    "smallthinker": (4, True),
}
"""By architecture, how often a layer has no sliding window, and whether the first has none; as llama.cpp has it."""

MAX_LAYERS = 2048
"""More would only cost time: each is looked at many times while sizes are fitted."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """One layer. ``expert_bytes`` are those of ``weight_bytes`` that ``cpu_moe`` keeps in main memory.

    A token takes ``keys`` and ``values`` elements of the KV cache, a sequence ``state_bytes`` whatever its length.
    ``wide`` is the largest number of values that a token has within the layer. ``has_window`` is set if its attention
    has a sliding window, as far as that is known.
    """

    index: int
    weight_bytes: int
    expert_bytes: int
    keys: int
    values: int
    state_bytes: int
    wide: int
    largest_bytes: int
    has_window: bool = False


class Keys:
    """The whole numbers of a header, by their names without the architecture; 0 for what is missing or senseless."""

    def __init__(self, architecture: str | None, metadata: Mapping[str, Scalar]) -> None:
        self.architecture = architecture
        self._prefix = f"{architecture}."
        self._metadata = metadata

    def __getitem__(self, name: str) -> int:
        value = self._metadata.get(self._prefix + name, 0)
        return value if isinstance(value, int) and 0 <= value < 1 << 32 else 0

    @property
    def heads(self) -> int:
        return self["attention.head_count"]

    @property
    def key_length(self) -> int:
        return self["attention.key_length"] or self["embedding_length"] // max(1, self.heads)

    @property
    def value_length(self) -> int:
        return self["attention.value_length"] or self.key_length


def layers_of(tensors: Iterable[TensorInfo], keys: Keys) -> tuple[LayerShape, ...]:
    """The layers that a model's tensors belong to, in their order.

    Raises:
        ValueError: there are more of them than any model has.
    """
    blocks: dict[int, dict[str, TensorInfo]] = {}
    for tensor in tensors:
        match = _BLOCK.fullmatch(tensor.name)
        if match is not None:
            blocks.setdefault(int(match[1]), {})[match[2]] = tensor
    if len(blocks) > MAX_LAYERS:
        raise ValueError(f"expected at most {MAX_LAYERS} layers, got {len(blocks)}")
    shared_from = len(blocks) - keys["attention.shared_kv_layers"]
    return tuple(_layer(index, blocks[index], keys, index < shared_from) for index in sorted(blocks))


def size_of(tensor: TensorInfo) -> int:
    """The size of a tensor in bytes; one of unknown type has a byte for each element."""
    size = tensor.size_bytes
    return math.prod(tensor.dims) if size is None else size


def rows_of(tensor: TensorInfo | None) -> int:
    """How many values a matrix gives; 0 without one."""
    return tensor.dims[1] if tensor is not None and len(tensor.dims) > 1 else 0


def _layer(index: int, tensors: Mapping[str, TensorInfo], keys: Keys, has_cache: bool) -> LayerShape:
    sizes = {name: size_of(tensor) for name, tensor in tensors.items()}
    key_count, value_count = _cached(tensors, keys) if has_cache else (0, 0)
    return LayerShape(
        index=index,
        weight_bytes=sum(sizes.values()),
        expert_bytes=sum(size for name, size in sizes.items() if _EXPERTS.match(name)),
        keys=key_count,
        values=value_count,
        state_bytes=_state_bytes(tensors, keys),
        wide=max((_wide(name, tensor, keys) for name, tensor in tensors.items()), default=0),
        largest_bytes=max(sizes.values(), default=0),
        has_window=bool(keys["attention.sliding_window"]) and _has_window(index, keys),
    )


def _has_window(index: int, keys: Keys) -> bool:
    """Whether a layer of a model with sliding windows has one: all but each n-th do."""
    default, dense_first = _WINDOW_PATTERNS.get(keys.architecture or "", (1, False))
    pattern = keys["attention.sliding_window_pattern"] or default
    return index % pattern != (0 if dense_first else pattern - 1)


def _cached(tensors: Mapping[str, TensorInfo], keys: Keys) -> tuple[int, int]:
    """Elements of keys and values that a token has in the KV cache."""
    key, value = rows_of(tensors.get("attn_k.weight")), rows_of(tensors.get("attn_v.weight"))
    if key:
        return key, value or key
    latent = rows_of(tensors.get("attn_kv_a_mqa.weight"))
    if latent and "attn_k_b.weight" in tensors:
        return latent, 0  # values are a part of the keys
    if latent:
        return keys.heads * keys.key_length, keys.heads * keys.value_length
    fused = rows_of(tensors.get("attn_qkv.weight"))
    return (0, 0) if not fused or _is_recurrent(tensors) else _cached_of_fused(fused, keys)


def _cached_of_fused(rows: int, keys: Keys) -> tuple[int, int]:
    """The same of a matrix that gives queries, keys and values at once."""
    heads = keys["attention.head_count_kv"]
    if heads:
        return heads * keys.key_length, heads * keys.value_length
    queries = keys.heads * keys.key_length
    both = rows - queries if 0 < queries < rows else rows * 2 // 3
    return -(-both // 2), both // 2


def _is_recurrent(tensors: Mapping[str, TensorInfo]) -> bool:
    return any(name.startswith("ssm_") for name in tensors)


def _state_bytes(tensors: Mapping[str, TensorInfo], keys: Keys) -> int:
    """What a sequence takes in a recurrent layer."""
    embedding = keys["embedding_length"]
    values = 0
    if _is_recurrent(tensors):
        inner, states = keys["ssm.inner_size"], keys["ssm.state_size"]
        convolved = inner + 2 * keys["ssm.group_count"] * states
        values = max(0, keys["ssm.conv_kernel"] - 1) * convolved + states * inner
    elif any(name.startswith("time_mix_") for name in tensors):
        values = embedding * (keys["token_shift_count"] or 2) + embedding * keys["wkv.head_size"]
    elif any(name.startswith("shortconv.") for name in tensors):
        values = embedding * max(0, keys["shortconv.l_cache"] - 1)
    return values * _FLOAT_BYTES


def _wide(name: str, tensor: TensorInfo, keys: Keys) -> int:
    used = max(1, keys["expert_used_count"]) if _EXPERTS.match(name) else 1
    return rows_of(tensor) * used
