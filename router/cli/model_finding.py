"""Finding the models that the command line names."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Sequence

from shared.hub.progress import progress_for
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.catalog import load_catalog, resolve
from shared.models.source import ModelError, looks_like_path
from shared.settings import ModelSettings
from shared.settings.loading import MODEL_OPTIONS, RequestedModel
from shared.settings.option import OptionError

ECHO = "echo"
SERVED_ENGINES = ("llama", "diffusion", "whisper", ECHO)
_EXTRAS = {"diffusion": ("images", "stable_diffusion_cpp"), "whisper": ("speech", "faster_whisper")}


def find_models(requested: Sequence[RequestedModel], aliases: Sequence[str]) -> tuple[ModelSettings, ...]:
    """Find each model's files, fetching what is only on the hub; equal names get ``-2`` and so on.

    Raises:
        OptionError: an alias that fits no model, or is taken.
        ModelError, GGUFError: a model cannot be found, fetched, read or served.
    """
    store = ModelStore(progress=progress_for())
    found = [_find_model(model, store) for model in requested]
    counts: Counter[str] = Counter()
    models = []
    for model in found:
        counts[model.name] += 1
        number = counts[model.name]
        models.append(model if number == 1 else model.model_copy(update={"name": f"{model.name}-{number}"}))
    return with_aliases(models, aliases)


def with_aliases(models: Sequence[ModelSettings], aliases: Sequence[str]) -> tuple[ModelSettings, ...]:
    """Give ``MODEL=ALIAS`` (or ``ALIAS``, where one model is served) to the models.

    Raises:
        OptionError: no such model, or the alias is taken.
    """
    served = {model.name: model for model in models}
    taken = set(served)
    for model in models:
        for alias in model.aliases:
            _take(alias, taken, f"{model.name}@aliases")
    for entry in aliases:
        name, separator, alias = entry.rpartition("=")
        name = name if separator else (models[0].name if len(models) == 1 else "")
        if name not in served or not alias:
            raise OptionError(f"--alias: expected MODEL=ALIAS with MODEL one of {', '.join(served)}, got {entry!r}")
        _take(alias, taken, "--alias")
        served[name] = served[name].model_copy(update={"aliases": (*served[name].aliases, alias)})
    return tuple(served.values())


def _take(alias: str, taken: set[str], origin: str) -> None:
    if alias in taken:
        raise OptionError(f"{origin}: expected a name that no model has yet, got {alias!r}")
    taken.add(alias)


def _find_model(requested: RequestedModel, store: ModelStore) -> ModelSettings:
    spec = requested.spec
    if spec.partition(":")[0] == ECHO:
        return _echo_model(requested)
    entry = None if looks_like_path(spec) else load_catalog().find(spec)
    if entry is not None:
        _check_engine(spec, entry.engine)  # before it is fetched
    try:
        model = resolve(spec, store)
    except OSError as error:
        raise ModelError(f"{spec} cannot be read: {error.strerror or error}") from None
    _check_engine(spec, model.engine)
    return ModelSettings(
        **dict(requested.options),
        name=model.name,
        kinds=(JobKind(model.kind),),
        engine=model.engine,
        path=str(model.path),
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


def _echo_model(requested: RequestedModel) -> ModelSettings:
    """``echo`` or ``echo:SECONDS``: the engine without a model, which takes that long for a step."""
    options, step = dict(requested.options), requested.spec.partition(":")[2]
    if step:
        duration = MODEL_OPTIONS["step_s"].option.value
        try:
            options["step_s"] = duration.read(step)
        except ValueError:
            raise OptionError(f"echo:SECONDS: expected {duration.expected}, got {step!r}") from None
    return ModelSettings(**options, name=ECHO, kinds=(JobKind.TEXT,), engine=ECHO, path="")
