"""Options of llama.cpp for embedding models: what applies to which, and the line that says so."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings
from tests.support.models.small_encoders import small_bert, small_qwen3
from workers.embedding.gguf.loading import load_encoder
from workers.embedding.gguf.options import EmbeddingOptions
from workers.engine import EngineLoadError


def options_of(path: Path, **options: Any) -> EmbeddingOptions:
    model = ModelSettings(name="m", kinds=(JobKind.EMBEDDING,), engine="embedding", path=str(path), **options)
    return EmbeddingOptions.of(model, threads=2)


def load_and_free(options: EmbeddingOptions) -> None:
    loaded = load_encoder(options, lambda fraction: None)
    loaded.encoder.close()
    loaded.close_model()


def test_an_encoder_has_no_cache_whose_type_could_be_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    options = options_of(small_bert().write(tmp_path / "m.gguf"), cache_type_k="q8_0", cache_type_v="q8_0")
    load_and_free(options)
    assert [record.message for record in caplog.records] == ["model loaded"]
    assert not {"kv_bytes", "kv_types", "kv_cells"} & set(vars(caplog.records[0]))


def test_a_decoder_has_one(tmp_path: Path) -> None:
    options = options_of(small_qwen3("any").write(tmp_path / "m.gguf"), cache_type_k="q8_0")
    assert options.native.cache_type_k == "q8_0"
    with pytest.raises(EngineLoadError, match=r"^cache_type_k: expected f16, bf16 or f32 for a model with heads of"):
        load_and_free(options)


def test_a_batch_of_inputs_is_as_large_as_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    options = options_of(small_qwen3("any").write(tmp_path / "m.gguf"), batch_size=48, pooling="last")
    load_and_free(options)
    assert vars(caplog.records[0])["batch"].endswith("/48")
