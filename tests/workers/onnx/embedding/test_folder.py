"""What a folder's files say of pooling and lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.engines.embedding import Pooling
from shared.kinds import JobKind
from shared.settings import ModelSettings
from tests.support.onnx.encoder_folders import EncoderFolderFiles
from workers.engine import EngineLoadError
from workers.onnx.embedding.folder import EncoderFolder

POOLING = "1_Pooling/config.json"
SENTENCES, TOKENIZER, MODULES = "sentence_bert_config.json", "tokenizer_config.json", "modules.json"


def read(
    folder: Path,
    files: dict[str, Any],
    config: dict[str, Any] | None = None,
    kind: JobKind = JobKind.EMBEDDING,
    **options: Any,
) -> EncoderFolder:
    path = EncoderFolderFiles(config=config or {}, files=files).write(folder / "m") / "onnx" / "model.onnx"
    return EncoderFolder.of(ModelSettings(name="m", kinds=(kind,), engine="onnx-embedding", path=str(path), **options))


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, Pooling.CLS),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, Pooling.MEAN),
        ({"pooling_mode_lasttoken": True, "word_embedding_dimension": 4}, Pooling.LAST),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, Pooling.MEAN),
        ({"pooling_mode": "cls"}, Pooling.CLS),
        ({"pooling_mode": ["lasttoken"]}, Pooling.LAST),
        ({}, None),
    ],
)
def test_pooling_by_the_folder(tmp_path: Path, config: dict[str, Any], pooling: Pooling | None) -> None:
    found = read(tmp_path, {POOLING: config})
    assert (found.pooling, found.pooling_is_asked) == (pooling, False)


def test_pooling_in_another_folder(tmp_path: Path) -> None:
    modules = [{"type": "sentence_transformers.models.Pooling", "path": "2_Pool"}, {"type": "Dense", "path": "3_Dense"}]
    found = read(tmp_path, {MODULES: modules, "2_Pool/config.json": {"pooling_mode": "cls"}})
    assert found.pooling is Pooling.CLS
    assert found.further_modules == ("Dense",)


def test_the_user_decides_how_to_pool(tmp_path: Path) -> None:
    found = read(tmp_path, {POOLING: {"pooling_mode": "max"}}, pooling="last")
    assert (found.pooling, found.pooling_is_asked) == (Pooling.LAST, True)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"pooling_mode": "max"}, "max"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "cls_token and mean_tokens"),
    ],
)
def test_other_poolings_are_refused(tmp_path: Path, config: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineLoadError, match=f"expected a pooling of mean, cls or last, got {told}; --pooling"):
        read(tmp_path, {POOLING: config})


@pytest.mark.parametrize(
    ("files", "config", "asked", "limit"),
    [
        ({SENTENCES: {"max_seq_length": 256}}, {"max_position_embeddings": 512}, 0, 256),
        ({SENTENCES: {"max_seq_length": 256}}, {"max_position_embeddings": 512}, 400, 400),
        ({SENTENCES: {"max_seq_length": 256}}, {"max_position_embeddings": 512}, 9999, 512),
        ({SENTENCES: {"max_seq_length": 900}}, {"max_position_embeddings": 512}, 0, 512),
        ({TOKENIZER: {"model_max_length": 300}}, {"max_position_embeddings": 512}, 0, 300),
        ({TOKENIZER: {"model_max_length": int(1e30)}}, {"n_positions": 2048}, 0, 2048),
        ({}, {"max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1}, 0, 512),
        ({}, {"max_position_embeddings": 40960}, 0, 8192),
        ({}, {"max_position_embeddings": 40960}, 30000, 30000),
        ({}, {}, 0, 512),
        ({}, {}, 2000, 2000),
    ],
)
def test_the_longest_input(
    tmp_path: Path, files: dict[str, Any], config: dict[str, Any], asked: int, limit: int
) -> None:
    assert read(tmp_path, files, config, context_tokens=asked).limit == limit


def test_a_reranker(tmp_path: Path) -> None:
    found = read(tmp_path, {}, {"id2label": {"0": "no", "1": "yes"}}, JobKind.RERANK)
    assert (found.labels, found.pooling) == (("no", "yes"), None)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineLoadError, match=r"modules\.json: expected type and path of each module"):
        read(tmp_path, {MODULES: [1]})
    (tmp_path / "m" / "modules.json").write_text("{")
    with pytest.raises(EngineLoadError, match=r"modules\.json: expected JSON, got"):
        EncoderFolder.of(
            ModelSettings(
                name="m",
                kinds=(JobKind.EMBEDDING,),
                engine="onnx-embedding",
                path=str(tmp_path / "m" / "onnx" / "model.onnx"),
            )
        )


@pytest.mark.parametrize("path", ["..", "a/..", "a\0b", None])
def test_parts_are_folders_of_the_model(tmp_path: Path, path: str | None) -> None:
    with pytest.raises(EngineLoadError, match=r"modules\.json: expected type and path of each module"):
        read(tmp_path, {MODULES: [{"type": "sentence_transformers.models.Pooling", "path": path}]})
