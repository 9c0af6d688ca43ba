"""The servers that are compared, started with the same model file, threads, context and slots."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.servers.processes import NotReady, free_port, stop, wait_until_ready


@dataclass(frozen=True, slots=True)
class Setting:
    """What all servers have in common. ``context`` is the context of one request in tokens."""

    model_path: Path
    threads: int
    context: int
    slots: int


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to compare.

    ``url`` is set if it is already running. ``onnx`` is the same model in ONNX, which it serves instead. ``batches`` is
    False if it serves one request at a time. ``rows`` are the workloads that it runs; None means all. ``options`` are
    further ones of its command.
    """

    name: str
    workers: int = 1
    url: str = ""
    onnx: str = ""
    batches: bool = True
    rows: tuple[str, ...] | None = None
    options: tuple[str, ...] = ()


NEXA = Contender("nexa")
NEXA_2 = Contender("nexa --workers 2", workers=2, rows=("b4", "b16", "b32", "c", "e"))
LLAMA_SERVER = Contender("llama-server")
LLAMA_CPP_SERVER = Contender("llama_cpp.server", batches=False)
BARE_LOOP = Contender("bare loop", rows=("b16",))
"""No server: a bare loop around the engine's model, the upper limit for any server."""
ALL = (BARE_LOOP, NEXA, LLAMA_SERVER, LLAMA_CPP_SERVER, NEXA_2)
OTHER_SETTINGS = (
    Contender("llama-server --kv-unified", options=("--unified",)),
    Contender("llama-server --cache-ram 0", options=("--cache-ram", "0")),
)
"""llama-server with what may suit a workload better than its defaults; only where they are named."""


class ContenderFailed(Exception):
    """A server did not start; the message holds the end of its log."""


@contextlib.contextmanager
def running(contender: Contender, setting: Setting) -> Iterator[str]:
    """Start a server, wait until it answers, yield its base URL, and stop it afterwards.

    Raises:
        ContenderFailed: it ended, or did not answer in time.
    """
    if contender.url:
        yield contender.url
        return
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            _command(contender, setting, port),
            env={**os.environ, "NEXA_KEY_FILE": f"{folder}/keys.sqlite3"},  # not the user's own keys
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_ready(f"{url}{_health_path(contender)}", [process])
            yield url
        except NotReady as error:
            log.seek(max(0, log.tell() - 2000))
            raise ContenderFailed(f"{contender.name}: {error}\n{log.read().decode('utf-8', 'replace')}") from None
        finally:
            stop(process)


def _command(contender: Contender, setting: Setting, port: int) -> list[str]:
    path, threads, slots = str(setting.model_path), setting.threads, setting.slots
    if _is_llama_server(contender):
        module, options = "scripts.bench.servers.llama_server", ["--context", setting.context, "--slots", slots]
        options += contender.options
    elif contender.name == LLAMA_CPP_SERVER.name:
        # By default, a second request interrupts the stream of the first.
        module, options = "llama_cpp.server", ["--n_ctx", setting.context, "--interrupt_requests", "False"]
        options += ["--n_threads_batch", threads, "--chat_format", "chatml-function-calling", "--verbose", "False"]
    else:
        module, options = "router.cli", ["--nctx", setting.context, "--slots", slots, "--workers", contender.workers]
        threads = threads // contender.workers or 1
    model = ["onnx", contender.onnx] if contender.onnx else [path]
    where = ["server", *model, "--threads"] if module == "router.cli" else ["--model", path, "--threads"]
    if module == "llama_cpp.server":
        where[-1] = "--n_threads"
    return [sys.executable, "-m", module, *where, str(threads), "--port", str(port), *map(str, options)]


def _health_path(contender: Contender) -> str:
    """The path that answers 200 once the model is loaded."""
    if _is_llama_server(contender):
        return "/health"
    return "/v1/models" if contender.name == LLAMA_CPP_SERVER.name else "/ready"


def _is_llama_server(contender: Contender) -> bool:
    return contender == LLAMA_SERVER or contender in OTHER_SETTINGS
