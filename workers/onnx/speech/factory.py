"""Makes the speech engine for models in ONNX."""

from __future__ import annotations

from typing import Any

from shared.engines.onnx.folders import EXTRA
from shared.settings import ModelSettings
from workers.whisper.engine import WhisperEngine
from workers.whisper.options import WhisperOptions
from workers.whisper.transcription.model import Backend, SpeechModel


def create(model: ModelSettings, threads: int, device: str) -> WhisperEngine:
    """The engine of one worker, not loaded yet."""
    provider = model.onnx_provider

    def load(options: WhisperOptions) -> SpeechModel[Any]:
        from workers.onnx.speech.model import OnnxWhisper

        return OnnxWhisper(options, provider)

    return WhisperEngine(WhisperOptions.of(model, threads, device), Backend(EXTRA, load))
