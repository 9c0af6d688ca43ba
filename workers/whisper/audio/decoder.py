"""Decode an uploaded, untrusted recording of any common format in small steps."""

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
"""FFmpeg's names of the formats that are opened. Playlists, session descriptions and the like are left out: they make
FFmpeg open the files and network connections that they name (an SDP upload listens on a socket)."""

EXPECTED = "expected a recording as wav, mp3, m4a, mp4, mpeg, mpga, webm, flac, ogg, opus or a similar file"

MIN_RATE_HZ = 1000
"""Frames at a lower sample rate are refused: resampling them to 16 kHz would take too much memory."""

MAX_PACKETS_PER_READ = 10_000
"""Bounds the time of one read of a file whose packets hold no sound."""


class AudioDecoder:
    """Decodes one recording to 16 kHz mono. Damaged packets are skipped; a truncated file ends where it breaks off.

    Raises:
        JobError: 415, the bytes are not a recording with an audio track.
    """

    def __init__(self, data: memoryview) -> None:
        self.ended = False
        self._total = 0
        self._resampler: AudioResampler | None = None
        self._resampled_format: tuple[str, str, int] | None = None
        if not len(data):
            raise not_audio("an empty file")
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
            log.debug("recording not opened", extra={"reason": str(error)})
            self._file.release()
            raise not_audio(f"{len(data)} bytes in an unknown or damaged format") from error
        if self._packets is None:
            self.close()
            raise not_audio(f"a {self._container.format.long_name} file without an audio track")

    def read(self, samples: int) -> Samples:
        """About ``samples`` more samples; fewer where the file is damaged. Sets ``ended`` at the end of the file.

        Raises:
            JobError: 415, no sound in the whole file could be decoded.
        """
        parts: list[Samples] = []
        wanted = samples
        for _ in range(MAX_PACKETS_PER_READ):
            try:
                decoded = self._next_samples()
            except JobError:
                raise
            except Exception as error:
                log.debug("recording not decoded", extra={"reason": str(error)})
                raise not_audio("a file whose sound cannot be decoded") from error
            parts += decoded
            wanted -= sum(map(len, decoded))
            if self.ended or wanted <= 0:
                break
        read = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        self._total += len(read)
        if self.ended and not self._total:
            raise not_audio("a file without sound that can be decoded")
        return read

    def close(self) -> None:
        """Free the decoder and the file. PyAV's objects form cycles, and would keep both until the next collection."""
        self._container.close()
        self._file.release()

    def _next_samples(self) -> list[Samples]:
        """The samples of the next packet."""
        assert self._packets is not None
        try:
            packet = next(self._packets)
        except StopIteration:
            self.ended = True
            return self._flush()
        except FFmpegError as error:
            log.debug("recording truncated", extra={"reason": str(error)})
            self.ended = True
            return self._flush()
        try:
            frames = packet.decode()
        except FFmpegError:
            return []
        return [part for frame in frames if isinstance(frame, AudioFrame) for part in self._resample(frame)]

    def _resample(self, frame: AudioFrame) -> Iterator[Samples]:
        if frame.sample_rate < MIN_RATE_HZ:
            raise not_audio(f"a sample rate of {frame.sample_rate} Hz (the minimum is {MIN_RATE_HZ} Hz)")
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._resampled_format:
            yield from self._flush()
            self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            self._resampled_format = kind
        assert self._resampler is not None
        frame.pts = None  # only the order of the samples matters; timestamps may have gaps
        for resampled in self._resampler.resample(frame):
            yield _samples_of(resampled)

    def _flush(self) -> list[Samples]:
        if self._resampler is None:
            return []
        rest = [_samples_of(frame) for frame in self._resampler.resample(None)]
        self._resampler = None
        return rest


def not_audio(reason: str) -> JobError:
    """The refusal of a file; ``reason`` says what it is instead of a recording."""
    return JobError(415, f"file: {EXPECTED}, got {reason}", "file")


def _samples_of(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)


class _MemoryFile:
    """A file object over the uploaded bytes; copies only the part that is read."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else self._position + size
        part = bytes(self._data[self._position : end])
        self._position += len(part)
        return part

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._position, len(self._data))[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def release(self) -> None:
        """Drop the reference to the bytes."""
        self._data = memoryview(b"")
