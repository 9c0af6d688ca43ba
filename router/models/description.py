"""What the file of a served model says of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from router.models.file_types import quantization_of
from shared.engines.gguf_files import split_parts
from shared.gguf.header import GGUFHeader, Scalar, read_gguf_header
from shared.gguf.tensors import TensorInfo

TEMPLATE_KEY = "tokenizer.chat_template"
_FILL_IN_KEYS = ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id")
_THOUGHT_WORDS = ("think", "reasoning", "thought", "<|channel|>")
"""What chat templates of models that think have in them."""

_SAMPLING_KEYS = {
    "general.sampling.temp": "temperature",
    "general.sampling.top_k": "top_k",
    "general.sampling.top_p": "top_p",
    "general.sampling.min_p": "min_p",
    "general.sampling.penalty_repeat": "repeat_penalty",
    "general.sampling.penalty_last_n": "repeat_last_n",
    "general.sampling.xtc_probability": "xtc_probability",
    "general.sampling.xtc_threshold": "xtc_threshold",
    "general.sampling.mirostat": "mirostat",
    "general.sampling.mirostat_tau": "mirostat_tau",
    "general.sampling.mirostat_eta": "mirostat_eta",
}
"""llama.cpp's names of what a model's authors recommend, and those of :class:`~shared.wire.jobs.Sampling`."""

_WHOLE = {"top_k", "repeat_last_n", "mirostat"}
_LARGEST = {"mirostat": 2}
_MAX_VALUE = 2**31 - 1

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model's file: what it is, and what its header says.

    ``digest`` is a SHA-256 in hex of header and size: the same for equal files, without reading gigabytes. ``thinks``
    and ``fills_in`` (between a prefix and a suffix) are None if the file does not tell. ``sampling`` has what the
    model's authors recommend, by the names of :class:`~shared.wire.jobs.Sampling`. ``info`` are the header's values
    without the chat template, ``arrays`` the lengths of its arrays. Numbers that are not known are 0, texts empty.
    """

    digest: str
    size_bytes: int = 0
    modified_at: datetime = _EPOCH
    format: str = ""
    family: str = ""
    parameters: int = 0
    quantization: str = ""
    context_tokens: int = 0
    embedding_length: int = 0
    template: str = ""
    licence: str = ""
    thinks: bool | None = None
    fills_in: bool | None = None
    sampling: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Scalar] = field(default_factory=dict)
    arrays: Mapping[str, int] = field(default_factory=dict)
    tensors: Sequence[TensorInfo] = ()


def describe_file(name: str, path: str) -> ModelDescription:
    """Describe the model ``name``, whose engine opens ``path``; it may be empty. Blocks while it reads the headers.

    Raises:
        OSError: the file cannot be read.
        GGUFError: it is damaged.
    """
    file = Path(path)
    if not path or not file.is_file():
        modified_at = datetime.fromtimestamp(file.stat().st_mtime, UTC) if path else _EPOCH
        size_bytes = sum(inner.stat().st_size for inner in file.rglob("*") if inner.is_file()) if path else 0
        return ModelDescription(hashlib.sha256(f"{name}\0{path}".encode()).hexdigest(), size_bytes, modified_at)
    if file.suffix.lower() != ".gguf":
        return ModelDescription(
            hashlib.sha256(f"{name}\0{file.stat().st_size}".encode()).hexdigest(),
            file.stat().st_size,
            datetime.fromtimestamp(file.stat().st_mtime, UTC),
        )
    parts = [file.parent / part for part in split_parts(file.name)]
    return _of_headers(file, [read_gguf_header(part) for part in parts], sum(part.stat().st_size for part in parts))


def _of_headers(file: Path, headers: list[GGUFHeader], size_bytes: int) -> ModelDescription:
    first = headers[0]
    metadata = first.metadata
    template = metadata.get(TEMPLATE_KEY)
    template = template if isinstance(template, str) else ""
    family = first.architecture or ""
    tensors = [tensor for header in headers for tensor in header.tensors]
    return ModelDescription(
        digest=_digest(headers, size_bytes),
        size_bytes=size_bytes,
        modified_at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        format="gguf",
        family=family,
        parameters=_number(metadata, "general.parameter_count") or sum(math.prod(tensor.dims) for tensor in tensors),
        quantization=quantization_of(_number(metadata, "general.file_type", default=-1), file.name),
        context_tokens=_number(metadata, f"{family}.context_length"),
        embedding_length=_number(metadata, f"{family}.embedding_length"),
        template=template,
        licence=str(metadata.get("general.license", "")),
        thinks=any(word in template for word in _THOUGHT_WORDS) if template else None,
        fills_in=any(key in metadata for key in _FILL_IN_KEYS) or None,
        sampling=_sampling(metadata),
        info={name: value for name, value in metadata.items() if name != TEMPLATE_KEY},
        arrays=first.array_lengths,
        tensors=tensors,
    )


def _digest(headers: list[GGUFHeader], size_bytes: int) -> str:
    hashed = hashlib.sha256(str(size_bytes).encode())
    for header in headers:
        with header.path.open("rb") as file:
            hashed.update(file.read(header.tensor_data_offset_bytes))
    return hashed.hexdigest()


def _sampling(metadata: Mapping[str, Scalar]) -> dict[str, float]:
    """The recommended values. A file is not trusted: what is no usable number is left out."""
    found: dict[str, float] = {}
    for key, name in _SAMPLING_KEYS.items():
        value = metadata.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if 0 <= value <= _LARGEST.get(name, _MAX_VALUE):
            found[name] = int(value) if name in _WHOLE else float(value)
    return found


def _number(metadata: Mapping[str, Scalar], key: str, default: int = 0) -> int:
    value = metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
