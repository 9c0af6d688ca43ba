"""Which parts of a text model lie on which device, by llama.cpp's rules, and what else it takes there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.memory import processes
from shared.memory.cells import (
    BATCH_TOKENS,
    GPU_BATCH_TOKENS,
    MAX_DEFAULT_CONTEXT_TOKENS,
    MAX_ENDED_SEQUENCES,
    MAX_ENDED_STATES,
    MAX_SEQUENCES,
    cells_for,
    has_windows,
    window_cells,
)
from shared.memory.files import adapter_bytes
from shared.memory.layers import LayerShape
from shared.memory.projectors.estimate import projector_memory
from shared.memory.projectors.kept import KEPT_EMBEDDINGS_BYTES
from shared.memory.shape import TextShape, cached_bytes, drafting_shape
from shared.settings import ModelSettings
from shared.settings.placement import draft_options

KEPT_SHARE = 4
"""Of ``cache_bytes``, this part counts: it is a maximum, which few models reach.

Without checkpoints it never counts more than the KV cache.
"""

WAITING_SHARE = 4
"""Of the cells, this part counts as those of pictures whose pixels and embeddings are in main memory too."""

_FLOAT_BYTES = 4
_MASK_BYTES = 6
"""A value of the attention's mask, as floats and as halves for flash attention."""

_WIDE_COPIES = 3
_EMBEDDING_COPIES = 8
"""How many vectors of a token llama.cpp has at once: of a layer's widest values, and of the model's width."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The parts of a model, in bytes. ``host_bytes`` and ``device_bytes`` are whole; the rest is contained in them.

    ``mapped_bytes`` are the weights in main memory that the system may drop and read again from the file,
    ``host_buffer_bytes`` the buffers of steps there, which are taken only as far as they are used.
    """

    host_bytes: int
    device_bytes: tuple[int, ...]
    weights_bytes: int
    mapped_bytes: int
    host_buffer_bytes: int
    kv_bytes: int
    kv_bytes_per_token: float
    cells: int
    later_bytes: int
    beside_bytes: int


def place_text(
    shape: TextShape, model: ModelSettings, gpus: int = 0, proportions: Sequence[float] = (), cells: int = 0
) -> Placed:
    """What a worker takes on so many GPUs, or on the CPU alone, with its draft model and its projector if it has them.

    ``proportions`` are the shares of the GPUs where ``tensor_split`` does not say them, ``cells`` the size of the KV
    cache unless it is that of the options.
    """
    placed = _with_projector(_place_alone(shape, model, gpus, proportions, cells), shape, model)
    drafting = drafting_shape(model)
    return placed if drafting is None else _with_draft(placed, drafting, model)


def _with_projector(placed: Placed, shape: TextShape, model: ModelSettings) -> Placed:
    """The same with a projector beside it, whole on the first GPU if there is one.

    In main memory are the pixels and embeddings of what waits, embeddings that are kept, and a file that is decoded.
    """
    projector = projector_memory(model)
    if projector is None:
        return placed
    added = projector.weights_bytes + projector.buffer_bytes
    waiting = placed.cells // WAITING_SHARE * (projector.token_bytes + shape.embedding * _FLOAT_BYTES)
    later = waiting + KEPT_EMBEDDINGS_BYTES + processes.DECODING_BYTES
    on_gpu = bool(placed.device_bytes)
    device_bytes = (placed.device_bytes[0] + added, *placed.device_bytes[1:]) if on_gpu else ()
    return replace(
        placed,
        host_bytes=placed.host_bytes + later + (0 if on_gpu else added),
        device_bytes=device_bytes,
        later_bytes=placed.later_bytes + later,
        beside_bytes=placed.beside_bytes + processes.DECODING_BYTES,
        weights_bytes=placed.weights_bytes + projector.weights_bytes,
        host_buffer_bytes=placed.host_buffer_bytes + (0 if on_gpu else projector.buffer_bytes),
    )


def _with_draft(placed: Placed, shape: TextShape, model: ModelSettings) -> Placed:
    """The same with a draft model beside it, which has as many cells, on the first GPU if there is one."""
    own = draft_options(model)
    alone = {
        **{name: getattr(own, name) for name in type(own).model_fields},
        "cache_bytes": 0,
        "draft": "",
        "mmproj": "",
    }
    draft = _place_alone(shape, model.model_copy(update=alone), min(len(placed.device_bytes), 1), (), placed.cells)
    on_gpu = bool(draft.device_bytes)
    host_bytes = draft.host_bytes - draft.beside_bytes - _process_bytes(shape, on_gpu)
    device_bytes = list(placed.device_bytes)
    if on_gpu:
        device_bytes[0] += draft.device_bytes[0] - processes.GPU_CONTEXT_BYTES
    return replace(
        placed,
        host_bytes=placed.host_bytes + host_bytes,
        device_bytes=tuple(device_bytes),
        weights_bytes=placed.weights_bytes + draft.weights_bytes,
        mapped_bytes=placed.mapped_bytes + draft.mapped_bytes,
        host_buffer_bytes=placed.host_buffer_bytes + draft.host_buffer_bytes,
        kv_bytes=placed.kv_bytes + draft.kv_bytes,
        kv_bytes_per_token=placed.kv_bytes_per_token + draft.kv_bytes_per_token,
    )


def _place_alone(shape: TextShape, model: ModelSettings, gpus: int, proportions: Sequence[float], cells: int) -> Placed:
    cells = cells or cells_of(shape, model)
    gpus = min(gpus, model.gpus) if model.gpu_layers else 0
    split = _split(shape, model, cells, bool(gpus))
    buffers = _buffer_bytes(shape, model, cells, on_gpu=bool(gpus))
    kept_bytes = _kept_bytes(shape, model, cells, split.kv_bytes) if generates(model) else 0
    grammar_bytes = shape.vocabulary * processes.GRAMMAR_BYTES_PER_TOKEN if generates(model) else 0
    fixed = buffers + split.streamed_bytes + processes.GPU_CONTEXT_BYTES
    fixed += split.largest_layer_bytes if gpus > 1 else 0  # layers are whole
    shares = _shares(gpus, model.tensor_split or proportions)
    beside_bytes = _beside_bytes(shape) if generates(model) else 0
    host_bytes = split.host_bytes + _process_bytes(shape, bool(gpus)) + beside_bytes + kept_bytes
    return Placed(
        host_bytes=host_bytes if gpus else host_bytes + buffers,
        device_bytes=tuple(round(share * split.device_bytes) + fixed for share in shares),
        weights_bytes=split.weights_bytes,
        mapped_bytes=0 if _is_read(model, bool(gpus)) else split.mapped_bytes,
        host_buffer_bytes=0 if gpus else buffers,
        kv_bytes=split.kv_bytes,
        kv_bytes_per_token=shape.kv_bytes_per_token(model.cache_type_k, model.cache_type_v),
        cells=cells,
        later_bytes=kept_bytes + grammar_bytes,
        beside_bytes=beside_bytes,
    )


@dataclass(frozen=True, slots=True)
class _Split:
    """Weights and KV cache in main memory and on GPUs. ``streamed_bytes`` is the largest tensor that a step copies."""

    host_bytes: int
    device_bytes: int
    weights_bytes: int
    mapped_bytes: int
    kv_bytes: int
    streamed_bytes: int
    largest_layer_bytes: int


def _split(shape: TextShape, model: ModelSettings, cells: int, has_gpu: bool) -> _Split:
    first = _first_on_gpu(shape, model) if has_gpu else len(shape.layers)
    host, device, kv, streamed, largest = 0, 0, 0, 0, 0
    mapped = shape.input_bytes
    for position, layer in enumerate(shape.layers):
        cached = _layer_bytes(layer, shape, model, cells)
        kv += cached
        if position < first:
            host += cached
            mapped += layer.weight_bytes
            streamed = max(streamed, layer.largest_bytes)
            continue
        experts = layer.expert_bytes if _keeps_experts(layer, model) else 0
        mapped += experts
        device += layer.weight_bytes - experts + cached
        streamed = max(streamed, layer.largest_bytes if experts else 0)
        largest = max(largest, layer.weight_bytes - experts + cached)
    added = adapter_bytes(model)  # they are read, not mapped, and lie beside the weights that they change
    weights = shape.weight_bytes + added
    if has_gpu:  # the output is the last of the layers on it
        device += shape.output_bytes + shape.tied_bytes + added
        weights += shape.tied_bytes
    else:
        mapped += shape.output_bytes
        host += added
    return _Split(host + mapped, device, weights, mapped, kv, streamed if has_gpu else 0, largest)


def cells_of(shape: TextShape, model: ModelSettings) -> int:
    """How many tokens the KV cache of a worker holds by the options."""
    context = context_of(shape, model)
    return cells_for(context, model.slots, model.kv_tokens) if generates(model) else max(context, BATCH_TOKENS)


def context_of(shape: TextShape, model: ModelSettings) -> int:
    """The longest request of a worker, in tokens, if the model was not fitted to the memory."""
    if model.context_tokens > 0:
        return model.context_tokens
    trained = shape.trained_tokens or MAX_DEFAULT_CONTEXT_TOKENS
    return trained if model.context_tokens < 0 else min(trained, MAX_DEFAULT_CONTEXT_TOKENS)


def generates(model: ModelSettings) -> bool:
    """Whether a model writes text, so that sequences stay in its KV cache."""
    return any(kind.value == "text" for kind in model.kinds)


def _is_read(model: ModelSettings, has_gpu: bool) -> bool:
    """Whether the weights are read instead of mapped. With ``repack`` auto, they are repacked only where they fit."""
    return model.no_mmap or model.mlock or (model.repack == "on" and not has_gpu)


def _first_on_gpu(shape: TextShape, model: ModelSettings) -> int:
    """The position of the first layer on a GPU: the last ``gpu_layers`` are, the output counting as one."""
    return 0 if model.gpu_layers < 0 else max(0, len(shape.layers) + 1 - model.gpu_layers)


def _keeps_experts(layer: LayerShape, model: ModelSettings) -> bool:
    """Whether the CPU keeps the experts of a layer that is on a GPU."""
    return bool(layer.expert_bytes) and (model.cpu_moe or layer.index < model.n_cpu_moe)


def _layer_bytes(layer: LayerShape, shape: TextShape, model: ModelSettings, cells: int) -> int:
    """What a layer keeps of the sequences."""
    if not shape.has_cache:
        return 0
    sequences = min(model.slots + MAX_ENDED_STATES, MAX_SEQUENCES)
    if layer.has_window and generates(model) and has_windows(model.swa_full, shape.window, cells, sequences):
        cells = min(cells, window_cells(shape.window, sequences))
    kept = cached_bytes(layer, model.cache_type_k, model.cache_type_v) * cells
    return round(kept) + layer.state_bytes * sequences


def _kept_bytes(shape: TextShape, model: ModelSettings, cells: int, kv_bytes: int) -> int:
    """Ended chats in main memory. Checkpoints come to more than the KV cache, as each is a state of its own."""
    sequences = min(model.slots + MAX_ENDED_STATES, MAX_SEQUENCES)
    windowed = bool(shape.window) and has_windows(model.swa_full, shape.window, cells, sequences)
    kept = model.cache_bytes // KEPT_SHARE
    return kept if shape.is_recurrent or windowed else min(kept, kv_bytes)


def _buffer_bytes(shape: TextShape, model: ModelSettings, cells: int, on_gpu: bool) -> int:
    """Buffers of a step. On a GPU they are there from the start; in main memory as far as they were used."""
    batch = model.batch_size or (GPU_BATCH_TOKENS if on_gpu and not generates(model) else BATCH_TOKENS)
    if not generates(model):
        batch = max(batch, context_of(shape, model))
    projector = projector_memory(model)
    tokens = max(min(batch, model.ubatch_size or batch), 0 if projector is None else projector.whole_tokens)
    sequences = min(model.slots + MAX_ENDED_SEQUENCES, MAX_SEQUENCES)
    values = tokens * (_WIDE_COPIES * shape.wide + _EMBEDDING_COPIES * shape.embedding) * _FLOAT_BYTES
    mask = tokens * cells * _MASK_BYTES
    scores = tokens * cells * shape.heads * _FLOAT_BYTES if model.flash_attn == "off" else 0
    logits = (tokens if on_gpu else sequences) * shape.vocabulary * _FLOAT_BYTES if generates(model) else 0
    return values + mask + scores + logits


def _process_bytes(shape: TextShape, on_gpu: bool) -> int:
    vocabulary = shape.vocabulary * processes.VOCABULARY_BYTES_PER_TOKEN
    return processes.TEXT_BYTES + vocabulary + (processes.GPU_LIBRARY_BYTES if on_gpu else 0)


def _beside_bytes(shape: TextShape) -> int:
    """The sandbox beside a text worker, with a vocabulary of its own."""
    return processes.SANDBOX_BYTES + shape.vocabulary * processes.VOCABULARY_BYTES_PER_TOKEN // 2


def _shares(gpus: int, proportions: Sequence[float]) -> list[float]:
    total = sum(proportions[:gpus])
    if total > 0:
        return [proportion / total for proportion in proportions[:gpus]]
    return [1 / gpus] * gpus if gpus else []
