"""Makes the speech engine from a model's settings."""

from __future__ import annotations

from shared.settings import ModelSettings
from workers.whisper.engine import WhisperEngine
from workers.whisper.options import WhisperOptions


def create(model: ModelSettings, threads: int, device: str) -> WhisperEngine:
    """The engine of one worker, not loaded yet."""
    return WhisperEngine(WhisperOptions.of(model, threads, device))
