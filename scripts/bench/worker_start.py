"""How long a worker of a text model takes from the start of its process until it is ready, beside a bare load.

    python -m scripts.bench.worker_start --model FILE [--rounds 5] [--threads 2] [--slots 16]

The bare load is a fresh Python process that imports ``llama_cpp``, loads the same weights with the same options, makes
a context of the same size and decodes one token. Both are measured in turn, from the start of the process until the
parent hears that it is ready. Before that the file is read once, so that it is in the page cache.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import zmq

from scripts.bench.measurements.spread import spread
from scripts.bench.servers.processes import stop
from shared.interpreter import child_environment, module_command
from shared.kinds import JobKind
from shared.memory.cells import BATCH_TOKENS, MAX_DEFAULT_CONTEXT_TOKENS, MAX_ENDED_SEQUENCES, cells_for
from shared.settings import ModelSettings, ServerSettings
from shared.settings.placement import LlamaCppOptions
from shared.wire.codec import Decoder
from shared.wire.messages import Heartbeat
from shared.wire.supervision import WorkerState
from shared.wire.transport import Endpoints, open_socket
from workers.llama.native.repacking import Use, choose

WAIT_S = 300

BARE = """
import sys
import llama_cpp as l
path, cells, sequences, batch, threads, extra = sys.argv[1], *map(int, sys.argv[2:])
l.llama_log_set(quiet := l.llama_log_callback(lambda *_: None), None)
l.llama_backend_init()
weights = l.llama_model_default_params()
weights.n_gpu_layers, weights.use_extra_bufts = 0, bool(extra)
if extra:
    weights.load_mode = l.LLAMA_LOAD_MODE_NONE
model = l.llama_model_load_from_file(path.encode(), weights)
sizes = l.llama_context_default_params()
cells = cells or min(l.llama_model_n_ctx_train(model), 8192)
sizes.n_ctx, sizes.n_seq_max, sizes.n_batch, sizes.n_ubatch = cells, sequences, batch, batch
sizes.n_threads = sizes.n_threads_batch = threads
sizes.kv_unified = sizes.swa_full = sizes.no_perf = True
context = l.llama_init_from_model(model, sizes)
token = (l.llama_token * 1)(l.llama_vocab_bos(l.llama_model_get_vocab(model)))
assert l.llama_decode(context, l.llama_batch_get_one(token, 1)) == 0
print("ready", flush=True)
sys.stdin.read()
"""

Measured = tuple[float, float, float]
"""Wall and CPU seconds of a start, and the resident bytes after it; the worker's own process alone."""


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.worker_start", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=16)
    options = parser.parse_args()
    bare, ours = compare(options.model, options.threads, options.slots, options.rounds)
    print("                 wall s (lowest to highest)   CPU s   memory MB")
    for name, rounds in (("bare load", bare), ("worker, to ready", ours)):
        walls, cpus, sizes = zip(*rounds, strict=True)
        print(
            f"{name:<17} {spread(walls)}          {statistics.median(cpus):.2f}    {statistics.median(sizes) / 1e6:.0f}"
        )
    ratios = [mine[0] / theirs[0] for mine, theirs in zip(ours, bare, strict=True)]
    print(f"ratio {spread(ratios)}")
    return 0


def compare(model: Path, threads: int, slots: int, rounds: int) -> tuple[list[Measured], list[Measured]]:
    """Bare loads and starts of a worker in turn, both with the worker's choice whether weights are repacked."""
    with model.open("rb") as file:
        while file.read(1 << 24):
            pass
    repacks = choose(str(model), LlamaCppOptions(), Use(), False, psutil.virtual_memory().available).is_on
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(bare_load(model, threads, slots, repacks))
        ours.append(worker_start(model, threads, slots))
    return bare, ours


def bare_load(model: Path, threads: int, slots: int, repacks: bool) -> Measured:
    """Start the bare load."""
    cells = cells_for(MAX_DEFAULT_CONTEXT_TOKENS, slots)
    sizes = [cells, slots + MAX_ENDED_SEQUENCES, BATCH_TOKENS, threads, int(repacks)]
    command = [sys.executable, "-P", "-c", BARE, str(model), *map(str, sizes)]

    def wait(process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the bare load failed")

    return _measured(command, wait)


def worker_start(model: Path, threads: int, slots: int) -> Measured:
    """Start a worker."""
    with _run_folder() as folder, zmq.Context() as context:
        settings = ServerSettings(
            models=(
                ModelSettings(
                    name="model",
                    kinds=(JobKind.TEXT,),
                    engine="llama",
                    path=str(model),
                    slots=slots,
                    context_tokens=MAX_DEFAULT_CONTEXT_TOKENS,
                ),
            ),
            run_folder=str(folder),
        )
        settings.save()
        bus = open_socket(context, zmq.SUB)
        bus.subscribe(b"")
        bus.bind(Endpoints.in_folder(folder).supervisor_bus)
        names = ["--model", "model", "--worker-name", "model-0", "--worker-id", "model-0-1"]
        command = module_command("workers", "--settings", str(settings.path), *names, "--threads", str(threads))
        try:
            return _measured(command, lambda process: _wait_until_ready(bus, process))
        finally:
            bus.close()


def _wait_until_ready(bus: zmq.Socket[bytes], process: subprocess.Popen[bytes]) -> None:
    decoder: Decoder[Heartbeat] = Decoder(Heartbeat)
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s and process.poll() is None:
        if bus.poll(100) and decoder.decode(bus.recv_multipart()[1]).state is WorkerState.READY:
            return
    raise RuntimeError("the worker did not become ready")


def _measured(command: list[str], wait: Callable[[subprocess.Popen[bytes]], None]) -> Measured:
    began_at_s = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=child_environment()
    )
    try:
        wait(process)
        wall_s = time.monotonic() - began_at_s
        started = psutil.Process(process.pid)
        times = started.cpu_times()
        return wall_s, times.user + times.system, started.memory_info().rss
    finally:
        stop(process, signal.SIGKILL)


@contextlib.contextmanager
def _run_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="nx"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
