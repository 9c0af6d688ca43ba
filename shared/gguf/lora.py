"""Checks a LoRA adapter in GGUF against its model before llama.cpp loads it.

llama.cpp takes the process down where a tensor of an adapter has a type that it does not compute with, or does not fit
to its pair. The format is that of ``convert_lora_to_gguf.py``: for each changed tensor ``NAME`` of the model,
``NAME.lora_a`` and ``NAME.lora_b``, whose product is added to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.errors import ModelError
from shared.gguf.ggml_types import GGML_TYPES
from shared.gguf.header import GGUFHeader, read_gguf_header
from shared.gguf.tensors import TensorInfo

Dims = tuple[int, ...]

COMPUTED_TYPES = ("F32", "F16", "BF16", "Q8_0")
"""Types of an adapter's tensors: those that converters write."""

_A, _B = ".lora_a", ".lora_b"
_NORM = "_norm.weight"
_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
_INVOCATION = "adapter.alora.invocation_tokens"


class AdapterError(ModelError):
    """A file that is no LoRA adapter of this model. The message is one line and names the file."""


def check_adapter(path: Path, model: Sequence[GGUFHeader]) -> None:
    """Check that ``path`` is a LoRA adapter for the model with these headers, one for each of its parts.

    Raises:
        AdapterError: it is none, or does not fit to the model.
        GGUFError: it is no GGUF file, or is damaged.
        OSError: it cannot be read.
    """
    header = read_gguf_header(path)
    try:
        _check_kind(header, model[0])
        _check_tensors(header.tensors, {tensor.name: tensor.dims for part in model for tensor in part.tensors})
    except ValueError as error:
        raise AdapterError(f"{path.name}: {error}") from None


def _check_kind(header: GGUFHeader, model: GGUFHeader) -> None:
    wanted = {"general.type": "adapter", "adapter.type": "lora", "general.architecture": model.architecture}
    for key, value in wanted.items():
        if header.metadata.get(key) != value:
            got = header.metadata.get(key)
            got = "none" if got is None else repr(got)[:100]
            raise ValueError(f"expected a LoRA adapter with {key} {value!r}, as its model needs it, got {got}")
    if _INVOCATION in header.array_lengths:
        raise ValueError(f"expected an adapter that applies to all tokens, got one with {_INVOCATION}")


def _check_tensors(tensors: Sequence[TensorInfo], model: Mapping[str, Dims]) -> None:
    dims: dict[str, Dims] = {}
    for tensor in tensors:
        if not tensor.name.endswith(_NORM):  # llama.cpp leaves those out
            dims[tensor.name] = _dims_of(tensor)
    targets = {name.removesuffix(_A).removesuffix(_B) for name in dims}
    if not targets:
        raise ValueError("expected tensors, got none")
    for name in sorted(targets):
        a, b = dims.get(name + _A), dims.get(name + _B)
        if a is None or b is None:
            raise ValueError(f"expected {name[:80]}{_A} and {_B}, got only one")
        _check_pair(name, a, b, model)


def _dims_of(tensor: TensorInfo) -> Dims:
    layout = GGML_TYPES.get(tensor.ggml_type)
    what = f"tensor {tensor.name[:80]!r}"
    if layout is None or layout.name not in COMPUTED_TYPES:
        got = layout.name if layout else f"type {tensor.ggml_type}"
        raise ValueError(f"{what}: expected one of {', '.join(COMPUTED_TYPES)}, got {got}")
    if not tensor.name.endswith((_A, _B)):
        raise ValueError(f"{what}: expected a name that ends in {_A} or {_B}")
    if len(tensor.dims) not in (2, 3) or 0 in tensor.dims:
        raise ValueError(f"{what}: expected 2 or 3 dimensions above 0, got {list(tensor.dims)}")
    return tensor.dims


def _check_pair(name: str, a: Dims, b: Dims, model: Mapping[str, Dims]) -> None:
    """Check shapes; dimensions are in ggml's order, the innermost first."""
    of_model = model.get(name)
    if of_model is None:
        raise ValueError(f"expected tensors of its model, got {name[:80]!r}, which the model does not have")
    if name == _EMBEDDING and _OUTPUT not in model:
        raise ValueError(f"expected no {_EMBEDDING}, which is the model's output too, got it")
    if name == _EMBEDDING:  # rows of A are picked by token
        fits = a[1:] == of_model[1:] and b[1] == of_model[0] and a[0] == b[0] and len(b) == 2
    else:
        fits = a[0] == of_model[0] and b[1] == of_model[1] and a[1] == b[0] and a[2:] == b[2:] == of_model[2:]
    if not fits:
        shapes = f"{list(a)} and {list(b)} for one of {list(of_model)}"
        raise ValueError(f"{name[:80]}: expected shapes that fit to the model, got {shapes}")
