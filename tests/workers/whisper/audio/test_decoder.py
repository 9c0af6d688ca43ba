"""Decoding of uploaded files: all common formats, damaged files, hostile files."""

from __future__ import annotations

import io
import socket
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from shared.wire.payloads import Failed, JobError
from tests.support.workers.whisper_jobs import JFK, decoded, encoded, silent_video, wav
from workers.whisper.audio.decoder import AudioDecoder
from workers.whisper.audio.pcm import SAMPLE_RATE

FORMATS = [
    ("mp3", "libmp3lame", 44_100),
    ("ipod", "aac", 22_050),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("wav", "pcm_s16le", 8_000),
    ("flac", "flac", 96_000),
]


def refusal(data: bytes) -> Failed:
    with pytest.raises(JobError) as error:
        decoded(data)
    return error.value.failed


def bare_wav(rate: int, frames: bytes) -> bytes:
    """A WAV file with these bytes as samples."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(frames)
    return out.getvalue()


def tone(seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


@pytest.mark.parametrize(("container", "codec", "rate"), FORMATS)
def test_every_common_format_gives_the_same_sound(container: str, codec: str, rate: int) -> None:
    samples = decoded(encoded(tone(2.0), container, codec, rate))
    assert len(samples) == pytest.approx(2.0 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    spectrum = np.abs(np.fft.rfft(samples[SAMPLE_RATE // 2 : 3 * SAMPLE_RATE // 2]))
    assert int(spectrum.argmax()) == 440


def test_the_sound_of_a_video_is_read() -> None:
    assert len(decoded(encoded(tone(1.0), "mp4", "aac", 44_100, picture=True))) > 0.9 * SAMPLE_RATE


def test_a_recording_is_read_in_small_steps() -> None:
    decoder = AudioDecoder(memoryview(JFK))
    assert SAMPLE_RATE <= len(decoder.read(SAMPLE_RATE)) < 2 * SAMPLE_RATE
    assert not decoder.ended


def test_a_truncated_file_is_read_up_to_where_it_breaks_off() -> None:
    samples = decoded(JFK[: len(JFK) // 2])
    assert 4 * SAMPLE_RATE < len(samples) < 7 * SAMPLE_RATE


def test_damaged_packets_are_skipped() -> None:
    damaged = bytearray(encoded(tone(3.0), "mp3", "libmp3lame", 44_100))
    damaged[8000:9000] = bytes(1000)
    assert len(decoded(bytes(damaged))) > 2 * SAMPLE_RATE


def test_a_stream_may_change_its_rate() -> None:
    joined = encoded(tone(1.0), "mp3", "libmp3lame", 44_100) + encoded(tone(1.0), "mp3", "libmp3lame", 22_050, "mono")
    assert len(decoded(joined)) == pytest.approx(2.0 * SAMPLE_RATE, abs=0.2 * SAMPLE_RATE)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an empty file"),
        (b"This is a text, not a recording. " * 100, "bytes in an unknown or damaged format"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "bytes in an unknown or damaged format"),
        (bytes(range(256)) * 64, "bytes in an unknown or damaged format"),
        (JFK[:42], ""),
        (silent_video(), "a QuickTime / MOV file without an audio track"),
        (bare_wav(16_000, b""), "a file without sound that can be decoded"),
    ],
    ids=["empty", "text", "header", "bytes", "metadata", "silent film", "no samples"],
)
def test_a_file_without_sound_is_refused(data: bytes, reason: str) -> None:
    failed = refusal(data)
    assert (failed.status, failed.param) == (415, "file")
    assert failed.message.startswith("file: expected a recording as wav, mp3, ")
    assert reason in failed.message.partition(", got ")[2]


def test_a_tiny_sample_rate_is_refused_because_resampling_would_take_too_much_memory() -> None:
    assert "a sample rate of 1 Hz" in refusal(bare_wav(1, bytes(40_000))).message


@pytest.mark.parametrize("form", ["#EXTM3U\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"])
@pytest.mark.parametrize("prefix", ["", "file:", "file://"])
def test_a_playlist_opens_no_file(form: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.wav").write_bytes(wav(tone(1.0)))
    monkeypatch.chdir(tmp_path)
    for path in ("secret.wav", str(tmp_path / "secret.wav")):
        assert refusal(form.format(prefix + path).encode()).status == 415


def test_a_session_description_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1] & ~1
    description = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    done = threading.Event()

    def read() -> None:
        with pytest.raises(JobError):
            AudioDecoder(memoryview(description.encode()))
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(10), "the description made the decoder listen"
