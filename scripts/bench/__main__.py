"""The benchmark: this server and others on the same model file, threads, context and slots.

    python -m scripts.bench [--rounds 3] [--only b,f] [--servers nexa,llama-server] [--url NAME=URL] [--out FOLDER]
    python -m scripts.bench --model random-1b-q4_k_m --interleave --resume --out build/bench/1b

Writes results.json (after each server), table.md and chart.png. An interrupted run goes on with --resume. Models called
random-... are made first, see scripts.make_gguf.shapes. Of a model of 400 MB and more, a part is measured unless
--only and --servers name others.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from scripts.bench import machine
from scripts.bench.measurements.figures import Round
from scripts.bench.plan import USUAL_SERVERS, USUAL_WORKLOADS, PlanError, chosen_contenders, chosen_workloads
from scripts.bench.report import tables
from scripts.bench.report.chart import draw
from scripts.bench.report.targets import USUAL_BYTES, targets_of, verdicts
from scripts.bench.rounds import Bench
from scripts.bench.servers.contenders import Setting
from scripts.bench.workloads.bursts import Bursts
from scripts.make_gguf.shapes.making import PREFIX, QuantizationError, random_model
from shared.engines.llama import LLAMA
from shared.errors import ModelError
from shared.hub.store import ModelStore
from shared.models.resolution import resolve

RESULTS = "results.json"


def main() -> int:
    """Measure, print and write the results; returns the exit code, 1 if a measurement failed."""
    options = _parser().parse_args()
    try:
        results = json.loads(options.report.read_text("utf-8")) if options.report else _measure(options)
    except (PlanError, ModelError) as error:
        sys.exit(f"bench: {error}")
    _present(results, options.out)
    return 1 if results["failed"] else 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    bench = _bench(options)
    options.out.mkdir(parents=True, exist_ok=True)
    save = partial(_save, options.out / RESULTS, bench, machine.describe())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are stopped
    try:
        bench.run(save)
    except KeyboardInterrupt:
        bench.failed.append("the run was interrupted")
    return save()


def _bench(options: argparse.Namespace) -> Bench:
    path = _model_path(options.model)
    usual = path.stat().st_size >= USUAL_BYTES
    servers = _words(options.servers) or (list(USUAL_SERVERS) if usual and not (options.url or options.onnx) else [])
    bench = Bench(
        contenders=chosen_contenders(servers, options.url, options.onnx),
        chosen=chosen_workloads(_words(options.only) or (list(USUAL_WORKLOADS) if usual else [])),
        setting=Setting(path, options.threads, options.context, options.slots),
        number_of_rounds=options.rounds,
        bursts=Bursts(options.burst_seconds, options.burst_rate),
        burst_rounds=options.burst_rounds,
        interleave=options.interleave,
        seed=options.seed,
        api_key=options.api_key,
    )
    if options.resume:
        bench.rounds = _rounds_before(options.out / RESULTS, bench)
    return bench


def _model_path(name: str) -> Path:
    if name.startswith(PREFIX):
        try:
            return random_model(name, lambda line: print(f"bench: {line}", file=sys.stderr, flush=True))
        except (ValueError, QuantizationError) as error:
            raise PlanError(f"--model {name}: {error}") from None
    model = resolve(name, ModelStore())
    if model.engine != LLAMA.name:
        raise PlanError(f"--model {name}: expected a GGUF text model, got one for {model.engine}")
    return Path(model.path)


def _rounds_before(path: Path, bench: Bench) -> list[Round]:
    """The rounds of an interrupted run; none if there was no run."""
    if not path.exists():
        return []
    try:
        earlier = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise PlanError(f"--resume: expected the results of a run, got a damaged {path}: {error}") from None
    if (earlier["setting"], earlier["seed"]) != (setting := _setting(bench), bench.seed):
        raise PlanError(f"--resume: expected a run with {setting} and seed {bench.seed}, got another in {path}")
    rounds: list[Round] = earlier["rounds"]
    return rounds


def _setting(bench: Bench) -> dict[str, Any]:
    """What all servers have in common, for the results."""
    setting = bench.setting
    return {
        "model": setting.model_path.name,
        "model_bytes": setting.model_path.stat().st_size,
        "threads": setting.threads,
        "context": setting.context,
        "slots": setting.slots,
    }


def _save(path: Path, bench: Bench, about: dict[str, object]) -> dict[str, Any]:
    """Write the results so far, and return them."""
    targets = targets_of(bench.setting.model_path.stat().st_size)
    results: dict[str, Any] = {
        "machine": about,
        "setting": _setting(bench),
        "bursts": asdict(bench.bursts),
        "seed": bench.seed,
        "rounds": bench.rounds,
        "failed": bench.failed,
        "medians": tables.median_cells(bench.rounds),
        "verdicts": [asdict(verdict) for verdict in verdicts(bench.rounds, targets)],
    }
    written = path.with_suffix(".part")
    written.write_text(json.dumps(results, indent=1), "utf-8")
    written.replace(path)  # whole or not at all, for --resume
    return results


def _present(results: dict[str, Any], folder: Path) -> None:
    """Print the tables, write them as Markdown, and draw the chart."""
    rounds = results["rounds"]
    about = {**results, "rounds_done": len(rounds)}
    targets = targets_of(results["setting"].get("model_bytes", 0))
    cells, found = tables.median_cells(rounds), verdicts(rounds, targets)
    print(tables.heading(about))
    print(f"\n{tables.as_text(tables.figures_table(cells))}")
    if found:
        print(f"\n{tables.as_text(tables.targets_table(found))}")
    for text in results["failed"]:
        print(f"\nfailed: {text}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(tables.markdown(about, cells, found), "utf-8")
    written = [RESULTS, "table.md"]
    try:
        if draw(rounds, tables.heading(about), folder / "chart.png"):
            written.append("chart.png")
    except ImportError as error:
        print(f"bench: no chart: {error}", file=sys.stderr)
    print(f"\nwritten in {folder}: {', '.join(written)}")


def _words(given: str) -> list[str]:
    return [word.strip() for word in given.split(",") if word.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description=__doc__, formatter_class=_Formatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each server runs each workload")
    parser.add_argument(
        "--only",
        default="",
        metavar="WORK,..",
        help="workloads (b16) or their letters (b); default: all, of a large model some",
    )
    parser.add_argument(
        "--servers", default="", metavar="NAME,..", help="servers; default: all, with a large model some"
    )
    parser.add_argument(
        "--model",
        default="smollm2",
        help="a name from `nexa list`, a GGUF file, or random-SHAPE-QUANTIZATION as in random-1b-q4_k_m",
    )
    parser.add_argument(
        "--onnx", default="", metavar="FOLDER", help="the same model in ONNX: adds the server called nexa onnx"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of each server")
    parser.add_argument("--context", type=int, default=4096, help="context of one request in tokens")
    parser.add_argument("--slots", type=int, default=16, help="concurrent requests of a server")
    parser.add_argument(
        "--url", action="append", default=[], metavar="NAME=URL", help="a server that is already running"
    )
    parser.add_argument(
        "--api-key", default=os.environ.get("BENCH_API_KEY", ""), help="for --url (or set BENCH_API_KEY)"
    )
    parser.add_argument("--burst-seconds", type=float, default=120.0, help="duration of workload g")
    parser.add_argument("--burst-rate", type=float, default=1.0, help="mean requests per second of workload g")
    parser.add_argument("--burst-rounds", type=int, default=1, help="only the first rounds run workload g")
    parser.add_argument(
        "--seed", default="1", help="seed of the texts; use a new one for a --url that cached earlier texts"
    )
    parser.add_argument("--interleave", action="store_true", help="restart the servers for each workload")
    parser.add_argument("--resume", action="store_true", help="go on with the run whose results are in --out")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder for the results")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="only print and draw the results.json of an earlier run"
    )
    return parser


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    sys.exit(main())
