"""What was known of a model's files is forgotten once they are replaced, or gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from router.models.copies import CopiedNames
from router.models.replaced import FileWatch
from router.models.service import ModelService
from shared.kinds import JobKind
from shared.settings import ModelSettings
from tests.support.router.fake_broker import FakeBroker


def test_only_replaced_files_are_read_and_estimated_again(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.ckpt" for name in "ab"]
    for file in files:
        file.write_bytes(b"1")
    models = [
        ModelSettings(name=file.stem, kinds=(JobKind.IMAGE,), engine="diffusion", path=str(file)) for file in files
    ]
    estimated: list[str] = []
    broker = SimpleNamespace(models=models, residency=SimpleNamespace(estimate_again=estimated.append))
    service = ModelService(FakeBroker(), CopiedNames(None))

    async def sizes() -> list[int | None]:
        return list((await service.sizes(models)).values())

    async def look_after_changes() -> None:
        watch = FileWatch(cast(Any, broker), service)
        await watch.look()
        assert await sizes() == [1, 1]
        files[1].write_bytes(b"22")
        assert (await service.describe(models[0])).size_bytes == 1
        await watch.look()
        assert await sizes() == [1, 2]
        assert estimated == ["b"]
        files[0].write_bytes(b"22")
        broker.models = models[1:]
        await watch.look()
        assert await sizes() == [2, 2]
        assert (await service.describe(models[0])).size_bytes == 2
        assert estimated == ["b"]

    asyncio.run(look_after_changes())
