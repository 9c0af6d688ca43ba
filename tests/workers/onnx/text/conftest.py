from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.models.tokenizer_folders import folder_of_gguf
from workers.onnx.text.vocabulary import FolderVocabulary, read_vocabulary
from workers.text.constraints.compiler import GrammarCompiler


@pytest.fixture(scope="session")
def smollm2_folder(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vocabulary of SmolLM2-135M-Instruct as a folder."""
    return folder_of_gguf(model_path, tmp_path_factory.mktemp("smollm2"))


@pytest.fixture(scope="session")
def folder_vocabulary(smollm2_folder: Path) -> FolderVocabulary:
    """The same vocabulary as the fixture ``vocabulary``, read from that folder."""
    return read_vocabulary(str(smollm2_folder))


@pytest.fixture(scope="session")
def folder_compiler(folder_vocabulary: FolderVocabulary) -> GrammarCompiler:
    """Compiles constraints for it."""
    return GrammarCompiler(folder_vocabulary)
