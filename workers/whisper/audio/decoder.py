"""Decode an uploaded recording a little at a time, whatever its format, without trusting it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from shared.wire.payloads import JobError
from workers.whisper.audio.pcm import SAMPLE_RATE, Samples

log = logging.getLogger("nexa.whisper")

CONTAINERS = (
    "aa,aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "mxf,nistsphere,nut,ogg,rm,sox,tak,truehd,tta,voc,w64,wav,wv"
)
"""FFmpeg's names of the formats that are opened. Playlists, session descriptions and the like are not among them:
they make FFmpeg open files and network connections that they name (an SDP upload listens on a socket)."""

ACCEPTED = "accepted are wav, mp3, m4a, mp4, mpeg, mpga, webm, flac, ogg, opus and other common audio and video files"

MIN_RATE_HZ = 1000
"""A frame at a lower sample rate would grow without measure when it is resampled."""

MAX_PACKETS_A_READ = 10_000


class AudioDecoder:
    """One recording being decoded to 16 kHz mono. Damaged packets are skipped; a torn end is the end.

    Raises:
        JobError: 415, the bytes are not a recording with sound.
    """

    def __init__(self, data: memoryview) -> None:
        self.ended = False
        self._total = 0
        self._resampler: AudioResampler | None = None
        self._resampled_format: tuple[str, str, int] | None = None
        if not len(data):
            raise not_audio("it is empty")
        self._file = _MemoryFile(data)
        try:
            self._container = av.open(
                self._file,
                mode="r",
                options={"format_whitelist": CONTAINERS, "protocol_whitelist": "none"},
                metadata_errors="ignore",
            )
            streams = self._container.streams.audio
            self._packets = iter(self._container.demux(streams[0])) if streams else None
        except Exception as error:
            log.debug("a recording could not be opened", extra={"reason": str(error)})
            self._file.release()
            raise not_audio(f"its {len(data)} bytes are not a recording that can be opened") from error
        if self._packets is None:
            self.close()
            raise not_audio(f"it is a {self._container.format.long_name} file without an audio track")

    def read(self, samples: int) -> Samples:
        """About ``samples`` more samples; fewer where the file is damaged or at its end, which sets ``ended``.

        Raises:
            JobError: 415, nothing in the whole file could be decoded.
        """
        parts: list[Samples] = []
        wanted = samples
        for _ in range(MAX_PACKETS_A_READ):
            try:
                decoded = self._next_samples()
            except JobError:
                raise
            except Exception as error:
                log.debug("a recording could not be decoded", extra={"reason": str(error)})
                raise not_audio("its sound could not be decoded") from error
            parts += decoded
            wanted -= sum(map(len, decoded))
            if self.ended or wanted <= 0:
                break
        read = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        self._total += len(read)
        if self.ended and not self._total:
            raise not_audio("none of its sound could be decoded")
        return read

    def close(self) -> None:
        """Free the decoder and the file: PyAV's objects refer to each other, and live on until they are collected."""
        self._container.close()
        self._file.release()

    def _next_samples(self) -> list[Samples]:
        """Those of the next packet."""
        assert self._packets is not None
        try:
            packet = next(self._packets)
        except StopIteration:
            self.ended = True
            return self._flush()
        except FFmpegError as error:
            log.debug("a recording ends torn", extra={"reason": str(error)})
            self.ended = True
            return self._flush()
        try:
            frames = packet.decode()
        except FFmpegError:
            return []
        return [part for frame in frames if isinstance(frame, AudioFrame) for part in self._resample(frame)]

    def _resample(self, frame: AudioFrame) -> Iterator[Samples]:
        if frame.sample_rate < MIN_RATE_HZ:
            raise not_audio(f"it has {frame.sample_rate} samples a second, and at least {MIN_RATE_HZ} are needed")
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._resampled_format:
            yield from self._flush()
            self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            self._resampled_format = kind
        assert self._resampler is not None
        frame.pts = None  # gaps and jumps of the timestamps are no concern of the text
        for resampled in self._resampler.resample(frame):
            yield _samples_of(resampled)

    def _flush(self) -> list[Samples]:
        if self._resampler is None:
            return []
        rest = [_samples_of(frame) for frame in self._resampler.resample(None)]
        self._resampler = None
        return rest


def not_audio(reason: str) -> JobError:
    """The refusal of a file, telling why."""
    return JobError(415, f"file: {reason}; {ACCEPTED}", "file")


def _samples_of(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)


class _MemoryFile:
    """What FFmpeg reads from, without copying the whole."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._place = 0

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else self._place + size
        part = bytes(self._data[self._place : end])
        self._place += len(part)
        return part

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._place, len(self._data))[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def release(self) -> None:
        """Let go of the bytes."""
        self._data = memoryview(b"")
