"""Finding the models that the command line names."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from router.cli.options import OptionError, ServerOptions
from shared.hub.progress import progress_for
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.catalog import load_catalog, resolve
from shared.models.source import ModelError, looks_like_path
from shared.settings import ModelSettings

ECHO = "echo"
SERVED_ENGINES = ("llama", "diffusion", "whisper", ECHO)
IMAGE_FILES = ("vae", "taesd", "clip_l", "clip_g", "t5xxl", "lora_folder")
"""Options that name a part of the image model."""

_EXTRAS = {"diffusion": ("images", "stable_diffusion_cpp"), "whisper": ("speech", "faster_whisper")}


def find_models(options: ServerOptions) -> tuple[ModelSettings, ...]:
    """Find each model's files, fetching what is only on the hub; equal names get ``-2`` and so on.

    Raises:
        OptionError: an alias that fits no model, or is taken.
        ModelError, GGUFError: a model cannot be found, fetched, read or served.
    """
    store = ModelStore(progress=progress_for())
    found = [_find_model(spec, store, options) for spec in options.model_path]
    counts: Counter[str] = Counter()
    models = []
    for model in found:
        counts[model.name] += 1
        number = counts[model.name]
        models.append(model if number == 1 else replace(model, name=f"{model.name}-{number}"))
    return with_aliases(models, options.alias)


def with_aliases(models: Sequence[ModelSettings], aliases: Sequence[str]) -> tuple[ModelSettings, ...]:
    """Give ``MODEL=ALIAS`` (or ``ALIAS``, where one model is served) to the models.

    Raises:
        OptionError: no such model, or the alias is taken.
    """
    served = {model.name: model for model in models}
    taken = set(served)
    for entry in aliases:
        name, separator, alias = entry.rpartition("=")
        name = name if separator else (models[0].name if len(models) == 1 else "")
        if name not in served or not alias:
            raise OptionError(f"--alias {entry}: MODEL=ALIAS is accepted, MODEL being one of {', '.join(served)}")
        if alias in taken:
            raise OptionError(f"--alias {entry}: the name {alias} is taken")
        taken.add(alias)
        served[name] = replace(served[name], aliases=(*served[name].aliases, alias))
    return tuple(served.values())


def _find_model(spec: str, store: ModelStore, options: ServerOptions) -> ModelSettings:
    if spec.partition(":")[0] == ECHO:
        return _echo_model(spec, options.workers)
    entry = None if looks_like_path(spec) else load_catalog().find(spec)
    if entry is not None:
        _check_engine(spec, entry.engine)  # before it is fetched
    try:
        model = resolve(spec, store)
    except OSError as error:
        raise ModelError(f"{spec} cannot be read: {error.strerror or error}") from None
    _check_engine(spec, model.engine)
    parts = _image_files(options) if model.engine == "diffusion" else {}
    return ModelSettings(
        name=model.name,
        kinds=(JobKind(model.kind),),
        engine=model.engine,
        path=str(model.path),
        workers=options.workers,
        options=parts,
    )


def _check_engine(spec: str, engine: str) -> None:
    if engine not in SERVED_ENGINES:
        raise ModelError(f"{spec} is a model for the {engine} engine, which this version does not have")
    extra, module = _EXTRAS.get(engine, ("", ""))
    if module and importlib.util.find_spec(module) is None:
        raise ModelError(
            f"{spec} needs packages that are not installed: run `make setup EXTRAS={extra}` in the source folder, "
            f"or pip install 'nexa-server[{extra}]'"
        )


def _image_files(options: ServerOptions) -> dict[str, str]:
    """The parts of the image model that were named, by the names of their options."""
    named = {name: getattr(options, name) for name in IMAGE_FILES}
    return {name: str(Path(path).expanduser().resolve()) for name, path in named.items() if path}


def _echo_model(spec: str, workers: int) -> ModelSettings:
    """``echo`` or ``echo:SECONDS``: the engine without a model, which takes that long for a step."""
    try:
        step_s = float(spec.partition(":")[2] or 0)
    except ValueError:
        raise OptionError(f"model_path {spec!r}: echo and echo:SECONDS are accepted") from None
    return ModelSettings(
        name=ECHO, kinds=(JobKind.TEXT,), engine=ECHO, path="", workers=workers, options={"step_s": step_s}
    )
