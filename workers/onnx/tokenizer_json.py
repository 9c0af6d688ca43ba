"""Opens the tokenizer.json of a model's folder, which may be damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer

from workers.engine import EngineLoadError

MAX_SHOWN = 300


def open_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a file.

    Raises:
        EngineLoadError: it cannot be read, or is damaged.
    """
    try:
        with refused_as_damaged(path):
            return Tokenizer.from_str(path.read_text("utf-8"))
    except OSError as error:
        raise EngineLoadError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextmanager
def refused_as_damaged(path: Path) -> Iterator[None]:
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
