"""Spectrograms are those that Whisper was trained on."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor as OfFasterWhisper

from tests.support.workers.whisper_jobs import JFK, decoded, silence
from workers.onnx.speech.features import FeatureExtractor
from workers.whisper.audio.pcm import CHUNK_SAMPLES


@pytest.mark.parametrize("bands", [80, 128])
def test_spectrograms_are_those_of_faster_whisper(bands: int) -> None:
    samples = decoded(JFK)
    sound = np.zeros(CHUNK_SAMPLES, np.float32)
    sound[: len(samples)] = samples.astype(np.float32) / 32768.0
    expected = OfFasterWhisper(feature_size=bands)(sound, padding=0)
    found = FeatureExtractor(bands)(samples)
    assert found.shape == (bands, 3000)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-3


def test_silence_has_the_lowest_energy_everywhere() -> None:
    assert np.allclose(FeatureExtractor(80)(silence(1)), -1.5)
