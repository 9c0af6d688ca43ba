"""The soak test: serve text, speech and pictures to mixed clients for a while, and check that no process grows.

    python -m scripts.soak                     ten minutes with smollm2, a speech and a small image model
    python -m scripts.soak --minutes 60 --json soak.json

Every few seconds, the resident memory and the open file descriptors of each process are sampled. The first half of the
time is ignored: caches fill up to their limits in it. Allocators keep large blocks and return them later, so the
minimum of the third quarter is compared with the minimum of the last one. The exit code is 1 if memory has grown by
more than 3 % and 5 MB, if the number of descriptors has grown by more than 8, or if an answer was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from scripts.chaos.server import REPOSITORY, ChaosServer, Figures
from scripts.make_tiny_sd import make_tiny_sd

RECORDING = REPOSITORY / "tests" / "data" / "jfk.flac"
SPEECH_MODEL = "faster-whisper-tiny"
SAMPLE_INTERVAL_S = 5.0
ANSWER_TIMEOUT_S = 300.0
MEGABYTE = 1000 * 1000
GROWTH, GROWTH_BYTES, GROWTH_DESCRIPTORS = 1.03, 5 * MEGABYTE, 8
WORDS = "the old house by the river had a garden where nobody had walked since the war".split()  # noqa: SIM905
TOOL = {
    "type": "function",
    "function": {
        "name": "UserDetail",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
        },
    },
}

Samples = list[dict[str, Figures]]


class Load:
    """The clients and the results of their requests. ``failures`` describes the wrong answers."""

    def __init__(self, session: aiohttp.ClientSession, url: str, seed: int) -> None:
        self._session = session
        self._url = url
        self._random = random.Random(seed)
        self.requests: Counter[str] = Counter()
        self.failures: list[str] = []

    def clients(self) -> list[Callable[[], Awaitable[None]]]:
        """The request that each client repeats."""
        return [
            *[self._chat] * 4,
            *[self._completion] * 2,
            self._call,
            self._leave,
            self._resumable,
            self._garbage,
            *[self._speech] * 2,
            self._picture,
        ]

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(WORDS, k=words))

    async def _chat(self) -> None:
        """A chat of up to four turns, streamed."""
        messages = [{"role": "user", "content": self._text(self._random.choice([10, 40, 300]))}]
        for _ in range(self._random.randint(1, 4)):
            body = {"messages": messages, "max_tokens": 40, "stream": True, "temperature": 0.8}
            text = await self._ask("chat", "/v1/chat/completions", json=body)
            messages = [*messages, {"role": "assistant", "content": text[:200]}]
            messages.append({"role": "user", "content": self._text(10)})

    async def _completion(self) -> None:
        body = {"prompt": self._text(30), "max_tokens": 30, "n": self._random.choice([1, 2]), "logprobs": 2}
        await self._ask("completion", "/v1/completions", json=body)

    async def _call(self) -> None:
        body = {"messages": [{"role": "user", "content": "Extract Jason is 25 years old"}], "tools": [TOOL]}
        await self._ask("function call", "/v1/function-calling", json=body)

    async def _speech(self) -> None:
        form = aiohttp.FormData({"model": SPEECH_MODEL})
        form.add_field("file", RECORDING.read_bytes(), filename="speech.flac")
        await self._ask("speech", "/v1/audio/transcriptions", data=form)

    async def _picture(self) -> None:
        body = {"prompt": self._text(8), "width": 128, "height": 128, "sample_steps": 2}
        await self._ask("picture", "/v1/txt2img", json=body)

    async def _leave(self) -> None:
        """Disconnect in the middle of a stream."""
        body = {"prompt": self._text(20), "max_tokens": 500, "ignore_eos": True, "stream": True}
        async with self._session.post(f"{self._url}/v1/completions", json=body) as answer:
            await answer.content.readline()
            await asyncio.sleep(self._random.random())
        self.requests["left"] += 1

    async def _resumable(self) -> None:
        """Disconnect from a resumable stream, and resume it."""
        body = {"prompt": self._text(20), "max_tokens": 60, "ignore_eos": True, "stream": True}
        headers = {"X-Resumable": "true"}
        async with self._session.post(f"{self._url}/v1/completions", json=body, headers=headers) as answer:
            job_id = answer.headers.get("X-Job-Id", "")
            await answer.content.readline()
        async with self._session.get(f"{self._url}/v1/jobs/{job_id}/events?after=1") as answer:
            text = await answer.text()
            if "[DONE]" not in text:
                self.failures.append(f"resumed: {answer.status} {text[-200:]}")
        self.requests["resumed"] += 1

    async def _garbage(self) -> None:
        """Send a body that must be refused."""
        bodies = [b"{", b"[]", b'{"prompt": 7}', b'{"prompt": "a", "max_tokens": -1}', b"\xff" * 10_000]
        headers = {"Content-Type": "application/json"}
        url = f"{self._url}/v1/completions"
        async with self._session.post(url, data=self._random.choice(bodies), headers=headers) as answer:
            if answer.status != 400:
                self.failures.append(f"garbage: {answer.status}")
            await answer.read()
        self.requests["refused"] += 1
        await asyncio.sleep(0.2)

    async def _ask(self, kind: str, path: str, **body: Any) -> str:
        async with self._session.post(f"{self._url}{path}", **body) as answer:
            text = await answer.text()
        if answer.status != 200 or "event: error" in text:
            self.failures.append(f"{kind}: {answer.status} {text[-200:]}")
        self.requests[kind] += 1
        return text


def main(words: list[str] | None = None) -> int:
    """Run the test; returns 1 if a process grew or an answer was wrong."""
    options = _parser().parse_args(words)
    return asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="nexa-soak-") as folder:
        painter = Path(folder) / "painter.gguf"
        make_tiny_sd(painter)
        settings = ["--workers", "1", "--nctx", "2048", "--cache-bytes", "100M", "--output-folder", folder]
        settings += ["--output-keep-bytes", "10M"]
        server = ChaosServer([options.model, SPEECH_MODEL, str(painter)], 0.0, 0.0, 0, settings)
        try:
            timeout = aiohttp.ClientTimeout(ANSWER_TIMEOUT_S)
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
                await server.wait_ready(session)
                load = Load(session, server.url, options.seed)
                samples = await _serve(server, load, options.minutes * 60)
        finally:
            code, left = server.stop()
    grown = growth(samples)
    print(_table(samples, load))
    problems = [*grown, *load.failures[:10]]
    if code or left:
        problems.append(f"the server ended with exit code {code} and left {len(left)} processes")
    for problem in problems:
        print(problem)
    if problems:
        print(f"the server's log: {server.log_path}")
    if options.json:
        rows = [{role: [each.rss_bytes, each.descriptors] for role, each in sample.items()} for sample in samples]
        options.json.write_text(json.dumps({"interval_s": SAMPLE_INTERVAL_S, "samples": rows}))
    return 1 if problems else 0


async def _serve(server: ChaosServer, load: Load, seconds: float) -> Samples:
    """Run all clients for ``seconds``; returns the samples of all processes."""
    stopping = asyncio.Event()

    async def repeat(ask: Callable[[], Awaitable[None]]) -> None:
        while not stopping.is_set():
            await ask()

    clients = [asyncio.ensure_future(repeat(ask)) for ask in load.clients()]
    loop = asyncio.get_running_loop()
    end_at_s = loop.time() + seconds
    samples = []
    while (left_s := end_at_s - loop.time()) > 0:
        done, _ = await asyncio.wait(clients, timeout=min(SAMPLE_INTERVAL_S, left_s))
        for client in done:
            client.result()  # raises: a client ends early only with an error
        samples.append(server.figures())
        print(f"{left_s:6.0f} s left, {load.requests.total()} requests", end="\r", file=sys.stderr)
    print(file=sys.stderr)
    stopping.set()
    await asyncio.gather(*clients)
    return samples


def quarters(samples: Samples, role: str) -> tuple[Figures, Figures]:
    """The minimum that a process held in the third quarter of the time, and in the last."""
    held = [sample[role] for sample in samples if role in sample]
    quarter = max(1, len(held) // 4)
    third, last = held[-2 * quarter : -quarter] or held, held[-quarter:]
    return _minimum(third), _minimum(last)


def _minimum(held: list[Figures]) -> Figures:
    return Figures(min(each.rss_bytes for each in held), min(each.descriptors for each in held))


def growth(samples: Samples) -> list[str]:
    """A line for each process that grew or ended."""
    lines = []
    for role in samples[0]:
        early, late = quarters(samples, role)
        if late.rss_bytes > max(early.rss_bytes * GROWTH, early.rss_bytes + GROWTH_BYTES):
            lines.append(
                f"{role}: memory grew from {early.rss_bytes / MEGABYTE:.1f} to {late.rss_bytes / MEGABYTE:.1f} MB"
            )
        if late.descriptors > early.descriptors + GROWTH_DESCRIPTORS:
            lines.append(f"{role}: open descriptors grew from {early.descriptors} to {late.descriptors}")
        if role not in samples[-1]:
            lines.append(f"{role}: the process has ended")
    return lines


def _table(samples: Samples, load: Load) -> str:
    lines = [", ".join(f"{count} {kind}" for kind, count in sorted(load.requests.items()))]
    lines.append(
        f"{'process':28}{'first':>9}{'3rd quarter':>13}{'last quarter':>14}{'max':>9}{'end':>9}  MB; descriptors"
    )
    for role in samples[0]:
        held = [sample[role] for sample in samples if role in sample]
        minima = [part.rss_bytes for part in quarters(samples, role)]
        figures = [held[0].rss_bytes, *minima, max(each.rss_bytes for each in held), held[-1].rss_bytes]
        cells = [f"{figure / MEGABYTE:.1f}" for figure in figures]
        opened = f"{held[0].descriptors} to {held[-1].descriptors}, max {max(each.descriptors for each in held)}"
        lines.append(f"{role:28}{cells[0]:>9}{cells[1]:>13}{cells[2]:>14}{cells[3]:>9}{cells[4]:>9}  {opened}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--model", default="smollm2", help="the text model (default smollm2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write all samples to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
