"""Which models may have adapters, and which files are adapters of a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from shared.engines.embedding import EMBEDDING
from shared.engines.gguf_files import each_part
from shared.engines.llama import LLAMA
from shared.errors import ModelError
from shared.gguf.header import read_gguf_header
from shared.gguf.lora import check_adapter
from shared.kinds import JobKind
from shared.models.adapters import AdapterFile, adapters_of, parse_adapter


def check_adapters(adapters: tuple[str, ...], engine: str, kinds: Collection[JobKind], model: Path) -> None:
    """Check that a model can have these adapters, as its settings have them.

    Raises:
        ModelError: it is no text model for llama.cpp, or one of them is no adapter for it.
    """
    if not adapters:
        return
    if engine not in (LLAMA.name, EMBEDDING.name) or JobKind.TEXT not in kinds:
        got = f"{len(adapters)} for a model of kind {', '.join(kinds)} and engine {engine}"
        raise ModelError(f"expected none, since adapters are for text models as GGUF files, got {got}")
    headers = [read_gguf_header(model.parent / part) for part in each_part(model.name)]
    for adapter in adapters_of(adapters):
        try:
            check_adapter(Path(adapter.path), headers)
        except OSError as error:
            raise ModelError(f"{adapter.path}: cannot be read: {error.strerror or error}") from None


def files_of(adapter: AdapterFile) -> Sequence[AdapterFile]:
    """The adapter itself; for a folder, the GGUF files in it, each by the name of its file.

    Raises:
        ModelError: there is none, or no such file.
    """
    path = Path(adapter.path)
    if path.is_file():
        return [adapter]
    if not path.is_dir():
        raise ModelError(f"expected an existing file or folder, got {adapter.path!r}")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".gguf" and file.is_file())
    if not files:
        raise ModelError(f"expected GGUF files in {adapter.path!r}, got none")
    return [AdapterFile(parse_adapter(str(file)).name, str(file), adapter.scale) for file in files]
