"""Engines that follow each other, as workers do, and keep prefixes in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Done, Started, Tokens
from workers.engine import DiskPlace, EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

GREEDY = Sampling(temperature=0)


class Runs:
    """Engines that follow each other, with one folder."""

    def __init__(self, folder: Path, model_path: Path) -> None:
        self.folder = folder / "prefixes"
        self._place = DiskPlace(self.folder, folder / "prefixes.key", 10**9, 30.0)
        self._model_path = model_path
        self.engine: LlamaEngine | None = None

    def begin(self, disk: bool = True, **options: Any) -> LlamaEngine:
        """End the last one, and load the next."""
        self.end()
        self.engine = LlamaEngine(LlamaOptions(str(self._model_path), 2, 4, context_tokens=1024, **options))
        if disk:
            self.engine.keep_on_disk(self._place)
        self.engine.load(lambda fraction: None)
        return self.engine

    def end(self, clean: bool = True) -> None:
        """End the engine, with what a clean end keeps or without."""
        if self.engine is not None:
            if clean:
                self.engine.settle()
            self.engine.close()
        self.engine = None

    def files(self) -> list[Path]:
        """The prefixes on disk."""
        return sorted(self.folder.glob("*/*.prefix"))


def answer(engine: LlamaEngine, prompt: str, user: str = "", generated: list[int] | None = None) -> tuple[str, int]:
    """The text, and how many tokens of the prompt were cached."""
    engine.submit(EngineJob("job", TextJob(prompt=prompt, sampling=GREEDY, max_tokens=8), generated or [], user=user))
    text, cached = "", -1
    while engine.has_work():
        for _, payload in engine.step():
            if isinstance(payload, Tokens):
                text += payload.text
            elif isinstance(payload, Started | Done):
                cached = payload.cached_tokens
    return text, cached
