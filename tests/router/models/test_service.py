"""What the service knows of the served models' files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import router.models.service
from router.models.copies import CopiedNames
from router.models.service import ModelService
from shared.kinds import JobKind
from shared.settings import ModelSettings
from tests.support.models.gguf_builder import build_gguf
from tests.support.router.fake_broker import FakeBroker


def test_a_file_that_cannot_be_read_is_tried_again_only_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tiny.gguf"
    model = ModelSettings(name="tiny", kinds=(JobKind.TEXT,), engine="llama", path=str(path))

    async def go() -> None:
        service = ModelService(FakeBroker(), CopiedNames(None))
        with pytest.raises(FileNotFoundError):
            await service.describe(model)
        path.write_bytes(build_gguf())
        with pytest.raises(FileNotFoundError):
            await service.describe(model)
        assert caplog.text.count("model file not read") == 1
        monkeypatch.setattr(router.models.service, "UNREADABLE_RETRY_S", 0.0)
        service = ModelService(FakeBroker(), CopiedNames(None))
        path.unlink()
        with pytest.raises(FileNotFoundError):
            await service.describe(model)
        path.write_bytes(build_gguf())
        assert (await service.describe(model)).family == "llama"

    asyncio.run(go())


@pytest.mark.parametrize("name", ["model.onnx", ""])
def test_the_format_of_an_onnx_model_is_known_by_its_engine(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.onnx").write_bytes(b"m")
    model = ModelSettings(name="m", kinds=(JobKind.TEXT,), engine="onnx-text", path=str(tmp_path / name))
    service = ModelService(FakeBroker(), CopiedNames(None))
    assert asyncio.run(service.describe(model)).format == "onnx"


def test_the_size_of_a_model_counts_its_projector(tmp_path: Path) -> None:
    model, projector = tmp_path / "tiny.gguf", tmp_path / "mmproj-tiny.gguf"
    model.write_bytes(b"12")
    projector.write_bytes(b"345")
    served = ModelSettings(name="tiny", kinds=(JobKind.TEXT,), engine="llama", path=str(model), mmproj=str(projector))
    assert asyncio.run(ModelService(FakeBroker(), CopiedNames(None)).sizes([served])) == {"tiny": 5}
