"""Recordings of a chat as models get them: one channel at the wanted rate, or refused."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.wire.payloads import JobError
from workers.text.sandbox.decoding import recordings
from workers.text.sandbox.decoding.recordings import decode_recording

FIELD = "messages.0.content.1"
RATE = 16_000


def wav(samples: NDArray[np.int16], rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(samples.tobytes())
    return file.getvalue()


def float_wav(samples: NDArray[np.float32]) -> bytes:
    data = samples.astype("<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(data),
        b"WAVE",
        b"fmt ",
        16,
        3,
        1,
        RATE,
        4 * RATE,
        4,
        32,
        b"data",
        len(data),
    )
    return head + data


def tone(seconds: float, rate: int = RATE) -> NDArray[np.int16]:
    return (np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate) * 16_000).astype(np.int16)


def refusal(data: bytes) -> str:
    with pytest.raises(JobError) as caught:
        decode_recording(data, RATE, FIELD)
    failed = caught.value.failed
    assert (failed.status, failed.param) == (400, FIELD)
    return failed.message


def test_samples_come_as_they_are() -> None:
    found = decode_recording(wav(tone(0.5)), RATE, FIELD)
    assert found.dtype == np.float32
    assert np.allclose(found, tone(0.5) / 32768, atol=1e-4)


def test_two_channels_at_another_rate_become_one_at_the_wanted_rate() -> None:
    both = np.repeat(tone(1.0, 44_100), 2)
    found = decode_recording(wav(both, 44_100, 2), RATE, FIELD)
    assert abs(len(found) - RATE) < 50
    assert 0.4 < np.abs(found).max() < 0.6


@pytest.mark.parametrize("channels", [3, 8, 16, 64])
def test_any_number_of_channels_becomes_one(channels: int) -> None:
    all_channels = np.repeat(tone(1.0), channels)
    found = decode_recording(wav(all_channels, channels=channels), RATE, FIELD)
    assert np.allclose(found, tone(1.0) / 32768, atol=1e-4)


@pytest.mark.parametrize("samples", [0, 1, RATE // 10 - 1])
def test_recordings_of_less_than_a_tenth_of_a_second_are_refused(samples: int) -> None:
    assert "expected" in refusal(wav(tone(1.0)[:samples]))


def test_a_tenth_of_a_second_is_enough() -> None:
    assert len(decode_recording(wav(tone(0.1)), RATE, FIELD)) == RATE // 10


def test_longer_recordings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MIN_RATE_HZ", 10)
    with pytest.raises(JobError, match=r"expected a recording of 0\.1 to 1800 s, got over 1800 s"):
        decode_recording(wav(np.zeros(20_000, np.int16), 10), 10, FIELD)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    samples = np.zeros(RATE, np.float32)
    samples[100] = value
    assert "finite" in refusal(float_wav(samples))


def test_samples_beyond_the_range_are_clipped() -> None:
    assert decode_recording(float_wav(np.full(RATE, 1e20, np.float32)), RATE, FIELD).max() == 1.0


@pytest.mark.parametrize(
    "data",
    [b"", b"no recording", b"#EXTM3U\n/etc/passwd\n", b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", wav(tone(1.0))[:20]],
    ids=["empty", "text", "playlist", "session", "cut off"],
)
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    assert refusal(data).startswith(f"{FIELD}: expected ")


def test_an_unknown_codec_is_refused_as_such() -> None:
    data = bytearray(wav(tone(1.0)))
    data[20:22] = b"\x34\x12"
    assert refusal(bytes(data)).endswith("got sound of a codec that is not known")


def test_what_is_no_recording_is_refused_without_words_of_the_decoder() -> None:
    message = refusal(b"\x89PNG\r\n\x1a\n" + bytes(700))
    assert message.startswith(f"{FIELD}: expected a recording as WAV, MP3")
    assert "708 bytes of something else (" in message
    assert "<none>" not in message
    assert "returned" not in message
    assert "Errno" not in message
