"""Workers of speech and pictures that die in the middle of their work."""

from __future__ import annotations

import io
import json
import os
import signal
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av

from tests.support.recordings import JFK, JFK_WORDS, words_of
from tests.support.running_server import RunningServer, running, wait_until
from tests.support.tiny_sd import tiny_sd

TIMES = 8


def repeated(times: int) -> bytes:
    """The recording over and over, with so much silence after each that the model hears one at a time."""
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(str(JFK)) as reading:
        samples = b"".join(
            bytes(frame.planes[0])[: frame.samples * 2]
            for decoded in reading.decode(audio=0)
            for frame in resampler.resample(decoded)
        )
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples + bytes(12 * 32_000)) * times)
    return target.getvalue()


def deltas(server: RunningServer, recording: bytes) -> Iterator[str]:
    """The texts of a streamed transcription; the last one is the whole text."""
    route, files = "/v1/audio/transcriptions", {"file": recording}
    with server.client.stream("POST", route, files=files, data={"stream": "true"}) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            assert not line.startswith("event: error"), line
            if line.startswith("data: {"):
                event = json.loads(line.removeprefix("data: "))
                yield event["delta"] if event["type"] == "transcript.text.delta" else event["text"]


def test_a_transcription_goes_on_when_its_worker_is_killed_and_says_nothing_twice() -> None:
    recording = repeated(TIMES)
    with running("faster-whisper-tiny", "--workers", "2") as server:
        calm = list(deltas(server, recording))
        assert words_of(calm[-1]) == JFK_WORDS * TIMES
        stream = deltas(server, recording)
        said = [next(stream)]
        busy = wait_until(lambda: [row["pid"] for row in server.workers() if row["running"]], "a busy worker")
        os.kill(busy[0], signal.SIGKILL)
        said += list(stream)
        assert said == calm
        assert len(said) > 2


def test_a_picture_whose_worker_is_killed_is_painted_by_the_next_one(tmp_path: Path) -> None:
    body = {"prompt": "a cat", "width": 64, "height": 64, "sample_steps": 20, "n": 2, "seed": -1}
    with running(str(tiny_sd()), "--output-folder", str(tmp_path)) as server, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(server.post, "/v1/txt2img", body)
        wait_until(lambda: any(row["running"] for row in server.workers()), "a busy worker")
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        first, second = answer.result(120)["data"]
        assert second["seed"] == first["seed"] + 1
        again = server.post("/v1/txt2img", {**body, "seed": first["seed"]})["data"]
        assert [entry["b64_json"] for entry in again] == [first["b64_json"], second["b64_json"]]
        assert sum(row["restarts"] for row in server.workers()) == 1
