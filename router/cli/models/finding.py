"""The models to serve: from their names on the command line to their files and engines."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from router.cli.models.elsewhere import ModelsElsewhere
from router.cli.models.pictures import image_options, named_by_parts
from router.cli.models.wording import text_only
from shared.discovery.found import FoundModel
from shared.distribution import how_to_install
from shared.engines.diffusion.spec import DIFFUSION
from shared.engines.embedding import as_asked
from shared.engines.onnx.embedding import ONNX_EMBEDDING, check_pooling
from shared.engines.onnx.text import ONNX_TEXT
from shared.engines.registry import engine_names, find_engine, opens_onnx
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.hub.progress import progress_for
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.adapter_files import check_adapters
from shared.models.catalog import load_catalog
from shared.models.drafts import DRAFTING_ENGINE, draft_path
from shared.models.names import ONNX_ENDING, split_mark
from shared.models.projectors.choice import ModelProjector, projector_to_use
from shared.models.resolution import ResolvedModel, resolve
from shared.models.source import HubSource, PathSource, looks_like_path, parse_source
from shared.settings import ModelSettings
from shared.settings.loading import MODEL_OPTIONS, RequestedModel
from shared.settings.option import OptionError


def find_models(
    requested: Sequence[RequestedModel], aliases: Sequence[str], elsewhere: ModelsElsewhere | None = None
) -> tuple[ModelSettings, ...]:
    """Find the files of each model, and fetch them if they are only on the hub.

    A name that the catalog does not know, and a repository of the hub that was not fetched by this program, may be a
    model ``elsewhere``, which is then served where it is.

    An ONNX model that has the name of another one gets ``-onnx`` after it. Names still equal get ``-2``, ``-3``, …

    Raises:
        OptionError: an alias for no served model, or one that is taken.
        ModelError: a model cannot be found, fetched, read or served.
    """
    store = ModelStore(progress=progress_for())
    elsewhere = elsewhere or ModelsElsewhere()
    return with_aliases(_with_different_names([_find_model(model, store, elsewhere) for model in requested]), aliases)


def _with_different_names(found: Sequence[ModelSettings]) -> list[ModelSettings]:
    """Number equal names, without taking the name of another model."""
    others = {model.name for model in found if not opens_onnx(model.engine)}
    found = [_with_format(model) if opens_onnx(model.engine) and model.name in others else model for model in found]
    unnumbered = {model.name for model in found}
    models: dict[str, ModelSettings] = {}
    for model in found:
        numbered = (f"{model.name}-{number}" for number in count(2))
        free = (name for name in numbered if name not in models and name not in unnumbered)
        name = next(free) if model.name in models else model.name
        models[name] = model.model_copy(update={"name": name})
    return list(models.values())


def _with_format(model: ModelSettings) -> ModelSettings:
    return model.model_copy(update={"name": f"{model.name}{ONNX_ENDING}"})


def with_aliases(models: Sequence[ModelSettings], aliases: Sequence[str]) -> tuple[ModelSettings, ...]:
    """Add the aliases ``MODEL=ALIAS``. ``ALIAS`` alone is enough when one model is served.

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


def _find_model(requested: RequestedModel, store: ModelStore, elsewhere: ModelsElsewhere) -> ModelSettings:
    spec = requested.spec
    name, _, argument = split_mark(spec)[1].partition(":")
    engine = find_engine(name)
    if engine is not None and not engine.has_files:
        return _without_files(requested, engine, argument)
    entry = None if looks_like_path(spec) else load_catalog().find(spec)
    if entry is not None:
        _check_installed(spec, entry.engine)  # before the model is fetched
    known_as: tuple[str, ...] = ()
    try:
        found = None if entry is not None else _found_elsewhere(spec, store, elsewhere)
        fetching = store.without_projectors() if requested.options.mmproj else store
        named = None if found is not None else named_by_parts(requested, store)
        model = named or (resolve(spec, fetching) if found is None else _as_resolved(found))
        known_as = () if found is None else found.known_as
    except OSError as error:
        raise ModelError(f"{spec}: cannot be read: {error.strerror or error}") from None
    _check_installed(spec, model.engine)
    options = requested.options
    if model.engine == ONNX_TEXT.name:
        _check_no_embeddings(requested)
    if model.engine == ONNX_EMBEDDING.name:
        check_pooling(model.path, model.kinds, options.pooling)
    engine_name, kinds = as_asked(model.engine, model.kinds, model.path, options.pooling, options.embeddings)
    _check_adapters(requested, engine_name, kinds, model.path)
    name = split_mark(model.name)[1]
    drafts = options.draft and engine_name == DRAFTING_ENGINE
    finder, origin = store.without_projectors(), requested.origins.get("draft", "draft")
    draft = draft_path(options.draft, finder, origin) if drafts else ""
    projector = _projector(requested, engine_name, kinds, model)
    pictures = image_options(requested, model, store) if engine_name == DIFFUSION.name else {}
    options = options.model_copy(update={"draft": draft, "mmproj": str(projector.path or ""), **pictures})
    return ModelSettings(
        **dict(options),
        name=name,
        kinds=kinds,
        engine=engine_name,
        path=str(model.path),
        known_as=known_as,
        media=projector.media,
    )


def _found_elsewhere(spec: str, store: ModelStore, elsewhere: ModelsElsewhere) -> FoundModel | None:
    """The model elsewhere that ``spec`` means, unless it is a path, or this program has fetched it."""
    match parse_source(spec):
        case HubSource() as source:
            return elsewhere.find(spec) if store.find(source) is None else None
        case PathSource(path) if not (looks_like_path(spec) and path.exists()):
            found = elsewhere.find(spec)
            if found is None:
                elsewhere.check_single(spec)
            return found
        case _:
            return None


def _as_resolved(found: FoundModel) -> ResolvedModel:
    source = str(found.path)
    return ResolvedModel(found.name, found.kinds, found.engine, found.path, found.licence, source, found.projector)


def _projector(
    requested: RequestedModel, engine: str, kinds: Sequence[JobKind], model: ResolvedModel
) -> ModelProjector:
    """The projector that the model is served with. Says on stderr why one that lies beside it is left out.

    Raises:
        OptionError: one is named that does not fit.
    """
    mmproj = requested.options.mmproj
    try:
        projector = projector_to_use(mmproj, engine, kinds, model.projector, model.path)
    except ModelError as error:
        raise OptionError(f"{requested.origins.get('mmproj', 'mmproj')}: {error}") from None
    if projector.refusal:
        print(text_only(model.name, projector), file=sys.stderr)
    return projector


def _check_no_embeddings(requested: RequestedModel) -> None:
    """Raise :class:`OptionError` if a text model in ONNX is asked for vectors by an option of its own."""
    origin = requested.origins.get("embeddings", "")
    is_own = origin.startswith((f"{requested.spec}@", f"models.{requested.spec}."))
    if requested.options.embeddings and is_own:
        raise OptionError(f"{origin}: expected off, since text models compute vectors only in GGUF, got on")


def _check_adapters(requested: RequestedModel, engine: str, kinds: Sequence[JobKind], path: Path) -> None:
    """Raise :class:`OptionError` unless the model can have the adapters that it is given."""
    try:
        check_adapters(requested.options.adapters, engine, kinds, path)
    except ModelError as error:
        raise OptionError(f"{requested.origins.get('adapters', 'adapters')}: {error}") from None


def _without_files(requested: RequestedModel, engine: EngineSpec, argument: str) -> ModelSettings:
    """The model ``ENGINE`` or ``ENGINE:ARGUMENT`` of an engine that opens no files."""
    options = dict(requested.options)
    _check_adapters(requested, engine.name, engine.kinds, Path())
    if argument:
        value = MODEL_OPTIONS[engine.argument].spec.value
        try:
            options[engine.argument] = value.read(argument)
        except ValueError:
            raise OptionError(f"{engine.name}:{value.metavar}: expected {value.expected}, got {argument!r}") from None
    return ModelSettings(**options, name=engine.name, kinds=engine.kinds, engine=engine.name, path="")


def _check_installed(spec: str, engine_name: str) -> None:
    """Raise :class:`ModelError` unless the engine that ``spec`` needs is installed."""
    engine = find_engine(engine_name)
    if engine is None:
        raise ModelError(
            f"{spec}: expected a model for one of {', '.join(engine_names())}, got one for {engine_name!r}"
        )
    if engine.module and importlib.util.find_spec(engine.module) is None:
        raise ModelError(f"{spec} needs packages that are not installed: {how_to_install(engine.extra)}")
