"""What the server shows at startup: each worker's state, then the server's address."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Protocol, assert_never

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.kinds import JobKind
from shared.settings import ModelSettings
from shared.settings.units import format_bytes
from shared.wire.supervision import WorkerState
from workers.supervisor.processes.exits import EXITED_AS_ASKED

log = logging.getLogger("nexa.supervisor")

_LOADING_STEP = 0.25
_STYLES = {WorkerState.READY: "green", WorkerState.EXITED: "yellow", WorkerState.FAILED: "red"}


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker's row. ``loading`` is a fraction from 0 to 1."""

    name: str
    state: WorkerState
    loading: float
    location: str
    detail: str

    @property
    def state_text(self) -> str:
        """The state; while loading, with its progress."""
        return f"loading {self.loading:.0%}" if self.state is WorkerState.LOADING else str(self.state)


class Display(Protocol):
    """Shows the workers' states."""

    def update(self, workers: Sequence[WorkerLine]) -> None:
        """Show the current states."""

    def serving(self, announcement: str, url: str) -> None:
        """Show that the server is ready."""

    def close(self) -> None:
        """End the live display; later updates become log lines."""


class LogDisplay:
    """Logs one line for each change of state and for each quarter of loading."""

    def __init__(self, log_format: str) -> None:
        self._json = log_format == "json"
        self._shown: dict[str, tuple[WorkerState, int]] = {}

    def remember(self, workers: Sequence[WorkerLine]) -> list[WorkerLine]:
        """Remember the states; returns the workers whose state changed."""
        changed = []
        for worker in workers:
            step = int(worker.loading / _LOADING_STEP) if worker.state is WorkerState.LOADING else 0
            if self._shown.get(worker.name) != (worker.state, step):
                self._shown[worker.name] = (worker.state, step)
                changed.append(worker)
        return changed

    def update(self, workers: Sequence[WorkerLine]) -> None:
        for worker in self.remember(workers):
            extra = {"worker": worker.name} | ({"device": worker.location} if worker.location else {})
            if worker.state in (WorkerState.EXITED, WorkerState.FAILED):
                log.log(_level(worker), "worker %s", worker.state, extra=extra | {"reason": worker.detail})
            else:
                log.info("worker %s", worker.state_text, extra=extra)

    def serving(self, announcement: str, url: str) -> None:
        if self._json:
            log.info("serving", extra={"url": url})
        else:
            print(announcement, file=sys.stderr, flush=True)

    def close(self) -> None:
        return


class LiveDisplay:
    """A table on a terminal, redrawn in place while log lines scroll above it. Once serving, changes are log lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._later = LogDisplay("text")
        self._console = console or Console(stderr=True)
        self._live: Live | None = Live(console=self._console, refresh_per_second=8, redirect_stdout=False)
        self._live.start()

    def update(self, workers: Sequence[WorkerLine]) -> None:
        if self._live is None:
            self._later.update(workers)
        else:
            self._later.remember(workers)
            self._live.update(_table(workers))

    def serving(self, announcement: str, url: str) -> None:
        self.close()
        self._later.serving(announcement, url)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def open_display(log_format: str) -> Display:
    """A live table if stderr is a terminal, else log lines."""
    return LiveDisplay() if log_format == "text" and sys.stderr.isatty() else LogDisplay(log_format)


def summary(workers: Sequence[WorkerLine], url: str) -> str:
    """All workers in one line: what is not ready by itself, with the reason."""
    ready = [worker.name for worker in workers if worker.state is WorkerState.READY]
    other = [
        f"{worker.name} {worker.state_text}" + (f" ({worker.detail})" if worker.detail else "")
        for worker in workers
        if worker.state is not WorkerState.READY
    ]
    serving = [f"serving {', '.join(ready)} at {url}"] if ready else []
    return "; ".join(serving + other)


def announcement(
    url: str,
    models: Sequence[ModelSettings],
    needs_key: bool,
    ollama_url: str = "",
    page: bool = True,
    kept: tuple[int, str] | None = None,
) -> str:
    """The server's address, that of its page, the base URLs of clients, and an example command for each kind of job.

    With ``kept``, chats are kept on disk: up to so many bytes, in this folder.
    """
    names = ", ".join(model.name for model in models)
    key = ' -H "Authorization: Bearer $NEXA_API_KEY"' if needs_key else ""
    of_kind = {kind: model.name for model in reversed(models) for kind in model.kinds}
    commands = [_example(kind, of_kind[kind], url, key) for kind in JobKind if kind in of_kind]
    opening = f"\nServing {names} at {url} (Ctrl-C ends it after running requests, twice at once)\n"
    opening += f"\nIn a browser: {url}/\n" if page else ""
    opening += f"\nChats are kept on disk: up to {format_bytes(kept[0])} in {kept[1]}\n" if kept is not None else ""
    bases = f"\nBase URLs of clients:\n\n{_base_urls(url, of_kind.keys(), ollama_url)}\nTry:\n\n"
    return opening + bases + "\n".join(f"  curl {command}\n" for command in commands)


def _base_urls(url: str, kinds: Set[JobKind], ollama_url: str) -> str:
    """A line for each API that these kinds of job have."""
    bases = {"OpenAI's API": f"{url}/v1"}
    if JobKind.TEXT in kinds:
        bases["Anthropic's API"] = url
    if JobKind.TEXT in kinds or JobKind.EMBEDDING in kinds:
        bases["Ollama's API"] = f"{url} and {ollama_url}" if ollama_url else url
    return "".join(f"  {api:<15}  {base}\n" for api, base in bases.items())


def _example(kind: JobKind, model: str, url: str, key: str) -> str:
    match kind:
        case JobKind.TEXT:
            messages = '[{"role": "user", "content": "Hello"}]'
            return _json_example(f"{url}/v1/chat/completions{key}", f'{{"model": "{model}", "messages": {messages}}}')
        case JobKind.IMAGE:
            body = f'{{"model": "{model}", "prompt": "A lighthouse at dusk", "response_format": "url"}}'
            return _json_example(f"{url}/v1/txt2img{key}", body)
        case JobKind.SPEECH:
            return f"{url}/v1/audio/transcriptions{key} -F file=@recording.mp3 -F model={model}"
        case JobKind.EMBEDDING:
            return _json_example(f"{url}/v1/embeddings{key}", f'{{"model": "{model}", "input": "Hello"}}')
        case JobKind.RERANK:
            body = f'{{"model": "{model}", "query": "a fruit", "documents": ["An apple", "A lamp"]}}'
            return _json_example(f"{url}/v1/rerank{key}", body)
        case other:
            assert_never(other)


def _json_example(target: str, body: str) -> str:
    return f"{target} -H 'Content-Type: application/json' \\\n    -d '{body}'"


def _table(workers: Sequence[WorkerLine]) -> Table:
    table = Table.grid(padding=(0, 2))
    for worker in workers:
        style = _STYLES.get(worker.state, "")
        table.add_row(worker.name, Text(worker.state_text, style=style), worker.location, Text(worker.detail))
    return table


def _level(worker: WorkerLine) -> int:
    if worker.state is WorkerState.FAILED:
        return logging.ERROR
    return logging.INFO if worker.detail == EXITED_AS_ASKED else logging.WARNING
