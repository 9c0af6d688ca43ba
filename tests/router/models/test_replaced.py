"""What a model needs is estimated anew once its files are replaced."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from router.models.replaced import FileWatch
from shared.kinds import JobKind
from shared.settings import ModelSettings


def test_only_replaced_files_are_estimated_again(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.gguf" for name in "ab"]
    for file in files:
        file.write_bytes(b"1")
    models = [ModelSettings(name=file.stem, kinds=(JobKind.TEXT,), engine="llama", path=str(file)) for file in files]
    again: list[str] = []
    broker = SimpleNamespace(models=models, residency=SimpleNamespace(estimate_again=again.append))

    async def look_twice() -> None:
        watch = FileWatch(cast(Any, broker))
        await watch.look()
        files[1].write_bytes(b"22")
        await watch.look()
        await watch.look()

    asyncio.run(look_twice())
    assert again == ["b"]
