"""Makes the speech engine from a model's settings."""

from __future__ import annotations

from typing import Any

from shared.engines.whisper import WHISPER
from shared.settings import ModelSettings
from workers.whisper.engine import WhisperEngine
from workers.whisper.options import WhisperOptions
from workers.whisper.transcription.model import Backend, SpeechModel


def create(model: ModelSettings, threads: int, device: str) -> WhisperEngine:
    """The engine of one worker, not loaded yet."""
    return engine_of(WhisperOptions.of(model, threads, device))


def engine_of(options: WhisperOptions) -> WhisperEngine:
    """An engine that runs a model in CTranslate2's format, not loaded yet."""
    return WhisperEngine(options, Backend(WHISPER.extra, _open))


def _open(options: WhisperOptions) -> SpeechModel[Any]:
    from workers.whisper.ctranslate import CTranslateModel

    return CTranslateModel(options)
