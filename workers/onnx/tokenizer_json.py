"""Opens ``tokenizer.json``, which is untrusted, with the package ``tokenizers``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.distribution import how_to_install
from shared.engines.onnx.folders import EXTRA, read_bytes
from shared.errors import ModelError
from workers.engine import EngineLoadError

try:
    from tokenizers import Tokenizer as Tokenizer
except ImportError as missing:
    raise EngineLoadError(f"ONNX models need the package {missing.name}: {how_to_install(EXTRA)}") from missing

NAME = "tokenizer.json"
MAX_TOKENIZER_BYTES = 128 * 1024 * 1024
"""The largest that are published have 35 MB."""

MAX_SHOWN = 300
"""Characters of a message of the package."""

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # no threads, so that a process may fork


def open_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a file. It neither cuts texts nor fills them up: some files have the settings of the training.

    Raises:
        EngineLoadError: the file cannot be read, is damaged, or larger than :data:`MAX_TOKENIZER_BYTES`.
    """
    try:
        content = read_bytes(path, MAX_TOKENIZER_BYTES)
    except ModelError as error:
        raise EngineLoadError(str(error)) from None
    if content is None:
        raise EngineLoadError(f"{path}: cannot be read: No such file or directory")
    with refused_as_damaged(path):
        tokenizer = Tokenizer.from_str(content.decode("utf-8"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@contextmanager
def refused_as_damaged(path: Path | str) -> Iterator[None]:
    """Tell in one line what the package says of a file, or of a folder of files.

    Raises:
        EngineLoadError: it refuses the files.
    """
    try:
        yield
    except (EngineLoadError, OSError):
        raise
    except BaseException as error:  # the package raises Exception itself, and panics, which is no Exception
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            told = " ".join(str(error).split())[:MAX_SHOWN]
            raise EngineLoadError(f"{path}: expected a tokenizer, got damaged files: {told}") from None
        raise
