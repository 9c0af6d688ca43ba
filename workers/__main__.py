"""``python -m workers``: one worker process, started by the supervisor."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from shared import exit_codes
from shared.logs.output import drain_output
from shared.logs.setup import open_log
from shared.memory.shortage import tells_of_shortage
from shared.parent import die_with_parent, started_by_supervisor
from shared.settings import ModelSettings, ServerSettings
from shared.settings.run import MODEL_VARIABLE
from shared.wire.transport import Endpoints
from workers.engine import DiskPlace, Engine, EngineLoadError, KeepingEngine, WorkerMustEnd, build_engine
from workers.runtime import WorkerRuntime

MAX_END_S, END_SHARE = 5.0, 0.2
"""How long an engine may write to disk at its end, and how much of the time at most that stopping may take."""

SECRET_NAME = "prefixes.key"
"""The file in the state folder with the secret of what is kept on disk."""

log = logging.getLogger("nexa.worker")


def main(arguments: list[str] | None = None) -> int:
    """Run one worker until it is drained; returns its exit code."""
    options = _parser().parse_args(arguments)
    die_with_parent()
    settings = ServerSettings.load(options.settings)
    open_log(settings.log_format, process=options.worker_name, own_pipe=started_by_supervisor())
    model = _model(settings, options.model)
    try:
        runtime = WorkerRuntime(
            engine=_engine(settings, model, model.threads or options.threads, options.device),
            worker_id=options.worker_id,
            worker_name=options.worker_name,
            model=model.name,
            device=options.device,
            endpoints=Endpoints.in_folder(Path(settings.run_folder)),
        )
        runtime.run()
    except EngineLoadError as error:
        log.error("%s cannot be loaded: %s", model.name, error)
        lacks_memory = isinstance(error.__cause__, MemoryError) or tells_of_shortage(str(error))
        return exit_codes.OUT_OF_MEMORY if lacks_memory else exit_codes.CANNOT_LOAD
    except MemoryError as error:
        log.error("%s cannot go on: not enough memory: %s", model.name, error)
        return exit_codes.OUT_OF_MEMORY
    except WorkerMustEnd:
        # Native code is still computing in another thread: a normal exit would free the library while it runs.
        log.info("exiting to stop a cancelled request")
        drain_output()
        os._exit(exit_codes.REPLACE)
    return 0


def _engine(settings: ServerSettings, model: ModelSettings, threads: int, device: str) -> Engine:
    engine = build_engine(model, threads, device)
    if settings.cache_disk_bytes and settings.state_folder and isinstance(engine, KeepingEngine):
        end_s = min(MAX_END_S, END_SHARE * settings.drain_timeout_s)
        secret_file = Path(settings.state_folder) / SECRET_NAME
        folder = Path(settings.cache_disk_folder)
        engine.keep_on_disk(DiskPlace(folder, secret_file, settings.cache_disk_bytes, end_s))
    return engine


def _model(settings: ServerSettings, name: str) -> ModelSettings:
    """The settings of the worker's model: those that the supervisor hands over, else those of the run."""
    ordered = os.environ.get(MODEL_VARIABLE)
    if ordered:
        # Paths may hold bytes that model_validate_json refuses.
        return ModelSettings.model_validate(json.loads(ordered))
    return next(model for model in settings.models if model.name == name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description="One worker of nexa server.")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--worker-name", required=True)
    parser.add_argument("--worker-id", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser


if __name__ == "__main__":
    sys.exit(main())
