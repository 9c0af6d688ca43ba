"""Models of given shapes: llama.cpp loads and quantises each family, and the same seed gives the same file."""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from scripts.make_gguf.shapes.__main__ import main
from scripts.make_gguf.shapes.families import tensors
from scripts.make_gguf.shapes.making import make, parsed, random_model
from scripts.make_gguf.shapes.shape import SHAPES, shape_of
from scripts.make_gguf.vocabulary import read_vocabulary
from shared.hub.store import ModelStore
from shared.models.resolution import resolve
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.text.model import BatchSlice

HYBRID, RECURRENT = "hybrid", "recurrent"


def no_report(_: object) -> None:
    """Progress that nobody reads."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("family", [name for name in SHAPES if name not in ("3b", "100m")])
def test_each_family_decodes_varied_tokens(family: str) -> None:
    path = random_model(f"random-tiny-{family}-q8_0", no_report)
    options = LlamaOptions(str(path), 2, 2, 512)
    model = LlamaModel(options.path, options.native, no_report)
    context = LlamaContext(model.native, model.vocabulary, 512, 2, 64, 2)
    assert model.needs_checkpoints(512, 2) is (family in (HYBRID, RECURRENT))
    assert bool(llama_cpp.llama_model_is_hybrid(model.native)) is (family == HYBRID)
    assert bool(llama_cpp.llama_model_is_recurrent(model.native)) is (family == RECURRENT)
    drawn, done = list[int](), 0
    tokens = model.vocabulary.tokenize("The quick brown fox", False, False)
    while len(drawn) < 24:
        row = context.decode([BatchSlice(0, done, tokens, 1)])[0]
        done += len(tokens)
        assert np.isfinite(row).all()
        drawn.append(int(row.argmax()))
        tokens = drawn[-1:]
    context.close()
    model.close()
    assert len(set(drawn)) > 8
    assert not set(drawn) & model.vocabulary.eog


def test_a_file_is_made_once_and_quantised_as_its_name_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["random-tiny-1b-q4_k_m"]) == 0
    made = capsys.readouterr()
    path = Path(made.out.strip())
    assert "quantising" in made.err
    stamp = path.stat().st_mtime_ns
    assert main(["random-tiny-1b-q4_k_m"]) == 0
    again = capsys.readouterr()
    assert (Path(again.out.strip()), again.err, path.stat().st_mtime_ns) == (path, "", stamp)
    assert path.stat().st_size < random_model("random-tiny-1b-f16", no_report).stat().st_size / 2


@pytest.mark.parametrize("quantization", ["q4_k_m", "q4_0", "q8_0"])
def test_llama_cpp_reads_the_type_that_was_asked_for(quantization: str) -> None:
    path = random_model(f"random-tiny-1b-{quantization}", no_report)
    model = LlamaModel(str(path), LlamaOptions(str(path), 2, 2, 512).native, no_report)
    told = ctypes.create_string_buffer(16)
    llama_cpp.llama_model_meta_val_str(model.native, b"general.file_type", told, len(told))
    model.close()
    assert int(told.value) == getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{quantization.upper()}")


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    def digest_with(seed: int) -> str:
        path = tmp_path / f"{seed}.gguf"
        make(path, shape_of("tiny-moe"), "f16", no_report, seed)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    first = digest_with(3)
    assert (digest_with(3), digest_with(4)) != (first, first)
    assert digest_with(3) == first


def test_a_draft_reads_the_next_token_from_the_same_values_as_its_large_model() -> None:
    vocabulary = read_vocabulary(Path(resolve("smollm2", ModelStore()).path))
    rows = []
    for name in ("1b", "100m"):
        shape = shape_of(name)
        first = next(tensors(shape, vocabulary))
        values = np.frombuffer(first.data(), np.float16).reshape(first.dimensions)
        rows.append(values[:100, : shape.core])
        assert not values[:100, shape.core :].any()
    assert (rows[0] == rows[1]).all()


@pytest.mark.parametrize(
    ("name", "told"),
    [("random-1b-q3", "quantization: expected one of q4_k_m"), ("random-2b-q4_0", "shape: expected one of 1b, 3b")],
)
def test_unknown_names_are_refused(name: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=told):
        parsed(name)
    assert main([name]) == 1
    assert told in capsys.readouterr().err
