"""Recordings of a chat: untrusted files in, samples of one channel out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shared.wire.chat_media import MAX_RECORDING_S, MIN_RECORDING_S
from shared.wire.payloads import JobError
from workers.text.sandbox.decoding.pictures import INVALID

if TYPE_CHECKING:  # PyAV comes with an extra
    from av.audio.frame import AudioFrame

CONTAINERS = "aac,ac3,aiff,amr,asf,au,caf,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,w64,wav"
"""FFmpeg's names of the formats that are opened. Playlists and the like are left out: they make FFmpeg open the files
and network connections that they name."""

EXPECTED = "expected a recording as WAV, MP3, FLAC, Ogg, M4A or a similar file"

MIN_RATE_HZ = 1000
"""Frames at a lower sample rate are refused: resampling them would take too much memory."""


def decode_recording(data: bytes, sample_rate: int, field: str) -> NDArray[np.float32]:
    """The samples of a recording, shape ``(n,)``, -1 to 1. Damaged packets are skipped.

    Raises:
        JobError: 400, the bytes are not a recording, or it is too short or too long. ``field`` is its name there.
    """
    import av

    try:
        with av.open(
            io.BytesIO(data),
            mode="r",
            options={"format_whitelist": CONTAINERS, "protocol_whitelist": "none"},
            metadata_errors="ignore",
        ) as container:
            samples = _samples(container, sample_rate, field)
    except (JobError, MemoryError):
        raise
    except Exception as error:  # FFmpeg's errors are of many types
        reason = getattr(error, "strerror", None) or error  # the rest names files and numbers of PyAV
        message = f"{field}: {EXPECTED}, got {len(data)} bytes of something else ({reason})"
        raise JobError(400, message, field, INVALID) from None
    if len(samples) < MIN_RECORDING_S * sample_rate:
        raise _wrong_length(field, len(samples) / sample_rate)
    if not np.isfinite(samples).all():
        raise JobError(400, f"{field}: expected finite samples, got some that are not", field, INVALID)
    return np.clip(samples, -1.0, 1.0)


def _samples(container: Any, sample_rate: int, field: str) -> NDArray[np.float32]:
    parts, count = list[NDArray[np.float32]](), 0
    for part in _resampled(container, sample_rate, field):
        parts.append(part)
        count += len(part)
        if count > MAX_RECORDING_S * sample_rate:
            raise _wrong_length(field, MAX_RECORDING_S, "over ")
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _resampled(container: Any, sample_rate: int, field: str) -> Iterator[NDArray[np.float32]]:
    """The samples of each frame, at the wanted rate. The file may change its format on the way."""
    from av.audio.resampler import AudioResampler

    resampler, resampled = None, None
    for frame in _frames(container, field):
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if frame.sample_rate < MIN_RATE_HZ:
            message = f"{field}: expected a sample rate of {MIN_RATE_HZ} Hz or more, got {frame.sample_rate} Hz"
            raise JobError(400, message, field, INVALID)
        if kind != resampled:
            yield from () if resampler is None else map(_array, resampler.resample(None))
            resampler, resampled = AudioResampler(format="flt", layout=frame.layout, rate=sample_rate), kind
        assert resampler is not None
        frame.pts = None  # only the order of the samples matters; timestamps may have gaps
        yield from map(_array, resampler.resample(frame))
    if resampler is not None:
        yield from map(_array, resampler.resample(None))


def _frames(container: Any, field: str) -> Iterator[AudioFrame]:
    from av.error import FFmpegError

    if not container.streams.audio:
        raise JobError(400, f"{field}: {EXPECTED}, got a file without sound", field, INVALID)
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise JobError(400, f"{field}: {EXPECTED}, got sound of a codec that is not known", field, INVALID)
    stream.codec_context.thread_count = 1  # as many as this process may use time of
    with suppress(FFmpegError):  # a file that was cut off ends where it breaks off
        for packet in container.demux(stream):
            with suppress(FFmpegError):
                yield from packet.decode()


def _array(frame: AudioFrame) -> NDArray[np.float32]:
    """The mean of the channels, which lie together: PyAV reads beyond the planes of eight and more."""
    channels = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    samples: NDArray[np.float32] = channels.mean(axis=1, dtype=np.float32)
    return samples


def _wrong_length(field: str, length_s: float, over: str = "") -> JobError:
    expected = f"{field}: expected a recording of {MIN_RECORDING_S:g} to {MAX_RECORDING_S:g} s"
    return JobError(400, f"{expected}, got {over}{length_s:.4g} s", field, INVALID)
