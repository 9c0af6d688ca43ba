"""The text models: SmolLM2-135M's weights with the markers of other models, and a small Gemma 3 of random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from numpy.typing import NDArray

from shared.hub.store import ModelStore
from shared.models.resolution import resolve

FIRST_SPARE = 3
"""Of SmolLM2's tokens, 3 to 16 are special ones that no chat uses. They get the texts of a model's markers."""

_TOKENS = "tokenizer.ggml.tokens"
_HEADS, _KV_HEADS = 9, 3

SMOLVLM_MARKERS = (
    "<fake_token_around_image>",
    "<global-img>",
    "<image>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)),
)
QWEN_MARKERS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
GEMMA_MARKERS = ("<start_of_image>", "<end_of_image>")

Data = NDArray[Any]


def smollm2() -> Path:
    """The packaged model's file.

    Raises:
        ModelError: it is not installed.
    """
    return Path(resolve("smollm2", ModelStore()).path)


def plain(path: Path) -> None:
    """SmolLM2 as it is."""
    _write_copy(path, "llama", ())


def smolvlm(path: Path) -> None:
    """SmolLM2 with the markers of SmolVLM's pictures.

    Their embeddings are zero: so many that the model has never seen would keep it from the colours between them.
    """

    def emptied(name: str, data: Data) -> Data:
        if name != "token_embd.weight":
            return data
        changed = data.copy()
        changed[FIRST_SPARE : FIRST_SPARE + len(SMOLVLM_MARKERS)] = 0
        return changed

    _write_copy(path, "llama", SMOLVLM_MARKERS, change=emptied)


def qwen2vl(path: Path) -> None:
    """SmolLM2 as the architecture qwen2vl, whose positions have sections (M-RoPE); texts come out the same.

    Its rotary halves stand one after another in each head, those of a Llama are interleaved.
    """

    def reordered(name: str, data: Data) -> Data:
        heads = _HEADS if ".attn_q." in name else _KV_HEADS if ".attn_k." in name else 0
        if not heads:
            return data
        rows = data.shape[0] // heads  # a row is one whole output, so that quantised bytes may be moved as they are
        parts = data.reshape(heads, rows // 2, 2, -1).swapaxes(1, 2)
        return np.ascontiguousarray(parts.reshape(data.shape[0], -1))

    sections = {"qwen2vl.rope.dimension_sections": [8, 12, 12, 0]}  # pairs for time, row and column: 32 in all
    _write_copy(path, "qwen2vl", QWEN_MARKERS, sections, reordered)


def gemma3(path: Path, width: int = 192, layers: int = 6, seed: int = 3) -> None:
    """A Gemma 3 of random weights with SmolLM2's vocabulary and its markers of pictures; it has a sliding window."""
    reader = GGUFReader(smollm2())
    writer = GGUFWriter(path, "gemma3")
    _copy_fields(reader, writer, {_TOKENS: _renamed(reader, GEMMA_MARKERS)}, ("llama.", "general.quantization"))
    heads, kv_heads, head, feed_forward = 4, 2, 64, 512
    writer.add_context_length(8192)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(512)
    draw = np.random.default_rng(seed)
    matrices = {"token_embd": (len(_texts(reader)), width)}
    norms = {"output_norm": width}
    for block in (f"blk.{layer}." for layer in range(layers)):
        matrices |= {f"{block}attn_q": (heads * head, width), f"{block}attn_output": (width, heads * head)}
        matrices |= {f"{block}attn_{part}": (kv_heads * head, width) for part in "kv"}
        matrices |= {f"{block}ffn_{part}": (feed_forward, width) for part in ("gate", "up")}
        matrices[f"{block}ffn_down"] = (width, feed_forward)
        norms |= {f"{block}{part}": width for part in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")}
        norms |= {f"{block}attn_{part}_norm": head for part in "qk"}
    kind = GGMLQuantizationType.Q8_0
    for name, shape in matrices.items():
        drawn = (draw.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(drawn, kind), raw_dtype=kind)
    for name, size in norms.items():
        writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))
    finish(writer)


def word_vectors(words: Sequence[str]) -> NDArray[np.float32]:
    """SmolLM2's embeddings of words that are one token each, behind a space: shape (words, 576)."""
    reader = GGUFReader(smollm2())
    texts = _texts(reader)
    table = next(tensor for tensor in reader.tensors if tensor.name == "token_embd.weight")
    rows = [table.data[texts.index(f"Ġ{word}")] for word in words]
    return np.stack([gguf.quants.dequantize(row, table.tensor_type) for row in rows]).astype(np.float32)


def finish(writer: GGUFWriter) -> None:
    """Write what was added."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_copy(
    path: Path,
    architecture: str,
    markers: Sequence[str],
    added: Mapping[str, Sequence[int]] | None = None,
    change: Callable[[str, Data], Data] = lambda _, data: data,
) -> None:
    """SmolLM2 under the name of an architecture that differs from it in the order of some weights at most."""
    reader = GGUFReader(smollm2())
    writer = GGUFWriter(path, architecture)
    own = {name: field for name, field in reader.fields.items() if name.startswith("llama.")}
    _copy_fields(reader, writer, {_TOKENS: _renamed(reader, markers)}, ("llama.",))
    for name, field in own.items():
        writer.add_key_value(name.replace("llama.", f"{architecture}.", 1), field.contents(), field.types[0])
    for name, numbers in (added or {}).items():
        writer.add_array(name, numbers)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, change(tensor.name, tensor.data), raw_dtype=tensor.tensor_type)
    finish(writer)


def _copy_fields(
    reader: GGUFReader, writer: GGUFWriter, instead: Mapping[str, object], without: tuple[str, ...]
) -> None:
    """Copy the metadata, with other values for some, and without those whose names begin so."""
    for name, field in reader.fields.items():
        if name.startswith(("GGUF.", "general.architecture", *without)):
            continue
        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(name, instead.get(name, field.contents()), field.types[0], sub_type=inner)


def _texts(reader: GGUFReader) -> list[str]:
    """The texts of all tokens."""
    texts: list[str] = reader.fields[_TOKENS].contents()
    return texts


def _renamed(reader: GGUFReader, markers: Sequence[str]) -> list[str]:
    """The texts of all tokens, with these for the spare ones."""
    texts = _texts(reader)
    texts[FIRST_SPARE : FIRST_SPARE + len(markers)] = markers
    return texts
