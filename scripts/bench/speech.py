"""The speed of transcription: requests one after the other, and several at once.

    python -m scripts.bench.speech RECORDING [--model faster-whisper-tiny] [--at-once 8] [--rounds 5] [--url URL]
    python -m scripts.bench.speech RECORDING --against "onnx FOLDER"

Without ``--url``, the script starts ``nexa server MODEL`` on a free port and stops it again. Both ways take turns, so
that other load on the machine affects both. Medians over the rounds and their ratio are printed, and written to a file
with ``--json``. ``--against`` gives the words for a second server (``nexa server WORDS``): both take turns in each
round, and the ratios of their speeds are printed too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx

from scripts.bench.servers.processes import NotReady, free_port, stop, wait_until_ready

REQUEST_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds. A speed is in seconds of audio per second."""

    model: str
    audio_s: float
    at_once: int
    rounds: int
    speed_alone: float
    speed_together: float
    latency_alone_s: float
    latency_together_s: float
    ratio: float
    machine: str


def main() -> int:
    """Measure and print a table."""
    options = _parser().parse_args()
    recording = options.recording.read_bytes()
    if options.against:
        return _compare(options, recording)
    serving = contextlib.nullcontext(options.url) if options.url else _own_server(options.model)
    with serving as url, httpx.Client(base_url=url, timeout=REQUEST_TIMEOUT_S) as client:
        figures = measure(client, recording, options.model, options.at_once, options.rounds)
    _print(figures)
    if options.json:
        options.json.write_text(json.dumps(asdict(figures), indent=1))
    return 0


def _compare(options: argparse.Namespace, recording: bytes) -> int:
    """Measure two servers in turns, and print how much faster the second one is."""
    both: list[list[Figures]] = [[], []]
    with contextlib.ExitStack() as stack:
        clients = []
        for words in (options.model, options.against):
            url = stack.enter_context(_own_server(*words.split()))
            clients.append(stack.enter_context(httpx.Client(base_url=url, timeout=REQUEST_TIMEOUT_S)))
        names = [client.get("/v1/models").json()["data"][0]["id"] for client in clients]
        for _ in range(options.rounds):
            for client, name, found in zip(clients, names, both, strict=True):
                found.append(measure(client, recording, name, options.at_once, rounds=1))
    first, second = map(_medians, both)
    for figures in (first, second):
        _print(figures)
    pairs = list(zip(*both, strict=True))
    ratios = {
        "one at a time": statistics.median(b.speed_alone / a.speed_alone for a, b in pairs),
        f"{options.at_once} at once": statistics.median(b.speed_together / a.speed_together for a, b in pairs),
    }
    for way, ratio in ratios.items():
        print(f"{second.model} against {first.model}, {way}: {ratio:.2f} times the speed")
    if options.json:
        options.json.write_text(json.dumps({"servers": [asdict(first), asdict(second)], "ratios": ratios}, indent=1))
    return 0


def _medians(rounds: list[Figures]) -> Figures:
    """One server's figures of several rounds as one."""
    return replace(
        rounds[0],
        rounds=len(rounds),
        speed_alone=statistics.median(each.speed_alone for each in rounds),
        speed_together=statistics.median(each.speed_together for each in rounds),
        latency_alone_s=statistics.median(each.latency_alone_s for each in rounds),
        latency_together_s=statistics.median(each.latency_together_s for each in rounds),
        ratio=statistics.median(each.ratio for each in rounds),
    )


def _print(figures: Figures) -> None:
    print(f"{figures.audio_s:.1f} s of speech, {figures.model}, {figures.machine}, {figures.rounds} rounds, medians")
    print(f"{'':>14} {'audio s per s':>14} {'latency s':>10}")
    print(f"{'one at a time':>14} {figures.speed_alone:14.1f} {figures.latency_alone_s:10.2f}")
    print(f"{f'{figures.at_once} at once':>14} {figures.speed_together:14.1f} {figures.latency_together_s:10.2f}")
    print(f"ratio {figures.ratio:.2f}")


def measure(client: httpx.Client, recording: bytes, model: str, at_once: int, rounds: int) -> Figures:
    """Measure one server, after one warm-up request."""
    _, audio_s = _transcribe(client, recording, model)
    alone: list[float] = []
    together: list[float] = []
    latencies_alone: list[float] = []
    latencies_together: list[float] = []
    for _ in range(rounds):
        for count, speeds, latencies in ((1, alone, latencies_alone), (at_once, together, latencies_together)):
            began_at_s = time.monotonic()
            with ThreadPoolExecutor(count) as threads:
                waits = [threads.submit(_transcribe, client, recording, model) for _ in range(at_once)]
                latencies += [wait.result()[0] for wait in waits]
            speeds.append(at_once * audio_s / (time.monotonic() - began_at_s))
    return Figures(
        model=model,
        audio_s=audio_s,
        at_once=at_once,
        rounds=rounds,
        speed_alone=statistics.median(alone),
        speed_together=statistics.median(together),
        latency_alone_s=statistics.median(latencies_alone),
        latency_together_s=statistics.median(latencies_together),
        ratio=statistics.median(b / a for a, b in zip(alone, together, strict=True)),
        machine=f"{os.cpu_count()} cores, {platform.machine()}",
    )


def _transcribe(client: httpx.Client, recording: bytes, model: str) -> tuple[float, float]:
    """Send one request; returns its latency and the recording's duration in seconds."""
    began_at_s = time.monotonic()
    answer = client.post(
        "/v1/audio/transcriptions",
        files={"file": ("recording", recording)},
        data={"model": model, "response_format": "verbose_json"},
    )
    answer.raise_for_status()
    return time.monotonic() - began_at_s, float(answer.json()["duration"])


@contextlib.contextmanager
def _own_server(*models: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "router.cli", "server", *models, "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:  # not the user's own keys
        command += ["--key-file", f"{folder}/keys.sqlite3"]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_until_ready(f"{url}/ready", [server])
            yield url
        except NotReady as error:
            sys.exit(f"bench: the server did not become ready ({error}); start it by hand to see why")
        finally:
            stop(server)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the speed of transcription.")
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", default="faster-whisper-tiny")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", default="", metavar="WORDS", help="what a second server serves, to be compared")
    parser.add_argument("--url", help="a server that is already running")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
