"""Recordings as other programs write them, converted by the ``ffmpeg`` command. Needs Debian's package ``ffmpeg``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.recordings import JFK, JFK_WORDS, words_of
from tests.support.running_server import RunningServer

FORMATS = {
    "dictation.wav": ["-ar", "16000", "-ac", "1", "-c:a", "pcm_mulaw"],
    "voice.opus": ["-c:a", "libopus", "-b:a", "24k"],
    "voice.aac": ["-c:a", "aac"],
    "talk.ac3": ["-c:a", "ac3", "-ac", "2"],
    "talk.wma": ["-c:a", "wmav2"],
    "talk.aiff": [],
    "film.mkv": ["-c:a", "libvorbis"],
    "film.mp4": ["-c:a", "aac", "-movflags", "faststart"],
    "film.ts": ["-c:a", "mp2"],
}


def converted(name: str, folder: Path) -> Path:
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg is not None, "ffmpeg is missing: apt-get install ffmpeg, or make test-slow as root"
    picture = ["-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=11"] if name.startswith("film") else []
    target = folder / name
    command = [ffmpeg, "-loglevel", "error", "-i", str(JFK), *picture, *FORMATS[name], str(target)]
    subprocess.run(command, timeout=120, check=True)
    return target


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_words_in_every_format(name: str, speech_server: RunningServer, tmp_path: Path) -> None:
    with converted(name, tmp_path).open("rb") as file:
        answer = speech_server.client.post("/v1/audio/transcriptions", files={"file": (name, file)})
    assert answer.status_code == 200, answer.text
    assert words_of(answer.json()["text"]) == JFK_WORDS
