"""The served models, as clients see and name them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from router.jobs.limits import UNLIMITED, UserLimits
from router.jobs.refusals import RefusalReason, Refused
from shared.engines.files import has_word
from shared.engines.registry import opens_onnx
from shared.kinds import KINDS, JobKind
from shared.models.adapters import adapters_of
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.names import LATEST, ONNX_ENDING, marked, name_key, split_mark, split_tag
from shared.models.stand_ins import stands_for
from shared.settings import ModelSettings
from shared.wire.jobs import MediaKind
from shared.wire.pictures import PictureInfo

_OF_HUB = re.compile(r"(?:hf:(?://)?|(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One row of ``GET /v1/models``. ``translates``: whether it turns speech into English, as far as is known yet.
    ``thinks``: whether it may think before it answers a chat, likewise. ``adapters`` are names that mean it with one.
    ``media`` are the kinds of media that a chat with it may have. ``images`` is what a loaded image model is.
    """

    name: str
    kinds: tuple[JobKind, ...]
    aliases: tuple[str, ...]
    context_tokens: int
    ready: bool
    translates: bool = False
    thinks: bool = False
    adapters: tuple[str, ...] = ()
    media: tuple[MediaKind, ...] = ()
    images: PictureInfo | None = None


def find_model(
    models: Sequence[ModelSettings],
    name: str | None,
    kind: JobKind,
    strict_names: bool = False,
    limits: UserLimits = UNLIMITED,
) -> ModelSettings:
    """Find a model by name or alias, as :func:`find_named` does; without a name, the first model of this kind.

    Unless ``strict_names``, that one is also meant by names that clients have built in
    (:func:`~shared.models.stand_ins.stands_for`). A user whose ``limits`` name models gets only these, and is told of
    no others; a name that means another model does not mean one of these too.

    Raises:
        Refused: no such model is served, or the user may not use it.
    """
    if limits.models is None:
        return _find_model(models, name, kind, strict_names)
    allowed = allowed_models(models, limits)
    if name and (other := find_named(models, name)) is not None and other not in allowed:
        raise not_allowed(name, allowed)
    if any(kind in model.kinds for model in models) and not any(kind in model.kinds for model in allowed):
        raise not_allowed(name or "none", allowed, f" of kind {kind}")
    return _find_model(allowed, name, kind, strict_names)


def _find_model(models: Sequence[ModelSettings], name: str | None, kind: JobKind, strict_names: bool) -> ModelSettings:
    served = ", ".join(_described(model) for model in models)
    of_kind = [model for model in models if kind in model.kinds]
    if not of_kind:
        names = " ".join(name_to_serve(model) for model in models)
        remedy = f"`nexa server {names} {KINDS[kind].example_model}` would add one"
        message = f"model: this endpoint needs a model of kind {kind}, and none is served; served: {served}; {remedy}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    if not name:
        return of_kind[0]
    model = find_named(models, name)
    if model is None and not strict_names and stands_for(name) == kind:
        return of_kind[0]
    if model is None:
        message = f"model: expected one of {served}; got {name!r}{_hint(models, name)}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    if kind not in model.kinds:
        message = f"model: expected one of kind {kind}, got {name!r} of kind {', '.join(model.kinds)}; served: {served}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    return model


def allowed_models(models: Sequence[ModelSettings], limits: UserLimits) -> Sequence[ModelSettings]:
    """The models that a user with these ``limits`` may use.

    Each name of a model there allows what a request with it gets; a name that could mean several models, all of them.
    """
    if limits.models is None:
        return models
    allowed: list[ModelSettings] = []
    for name in limits.models:
        meant = find_named(models, name)
        allowed += [model for model in models if find_named([model], name)] if meant is None else [meant]
    return [model for model in models if model in allowed]


def not_allowed(name: str, allowed: Sequence[ModelSettings], of_kind: str = "") -> Refused:
    """The refusal of a served model that is none of those which the user's key may use."""
    names = ", ".join(model.name for model in allowed) or "none of those that are served"
    message = f"model: expected one{of_kind} that your API key may use ({names}), got {name}"
    return Refused(RefusalReason.MODEL_NOT_ALLOWED, message, "model")


def find_listed(
    models: Sequence[ModelSettings], name: str, strict_names: bool = False, limits: UserLimits = UNLIMITED
) -> ModelSettings | None:
    """The model that requests with this name get, whatever their kind; None if there is none, or more than one."""
    allowed = allowed_models(models, limits)
    found = find_named(models, name) or find_named(allowed, name)
    if found is None and not strict_names and (kind := stands_for(name)) is not None:
        return next((model for model in allowed if kind in model.kinds), None)
    return found if found in allowed else None


def find_named(models: Sequence[ModelSettings], name: str) -> ModelSettings | None:
    """The model that a client means by ``name``; None if there is none, or more than one.

    Its name or an alias; else the name of an adapter of it, or ``MODEL:ADAPTER`` (:func:`adapter_named`); else one that
    differs only in case and separators, or by the tag ``latest``; else one whose file has the quantization that
    ``name`` ends in (``llama2:Q8_0``), or that ``name`` leaves out; else one that has the same name in the catalog
    (``gemma3:4b`` is ``gemma3``). ``onnx:NAME`` and ``NAME-onnx`` mean ONNX models only. Names that the hub and other
    programs have for a model count too, with and without the address of the hub before them.
    """
    exact = next((model for model in models if name == model.name or name in model.aliases), None)
    exact = exact or _only(models, lambda model: _adapter_like(model, name, str) is not None)
    if exact is not None:
        return exact
    onnx, unmarked = split_mark(name)
    if onnx:
        return _find_onnx(models, unmarked)
    bare = _without_hub(name)
    base, quant = split_tag(bare)
    keys = {name_key(name), name_key(bare)} | (set() if quant else {name_key(base)})
    return (
        _only(models, lambda model: any(name_key(own) in keys for own in _known_names(model)))
        or _only(models, lambda model: any(_means(base, quant, own, model.path) for own in _known_names(model)))
        or _same_in_catalog(models, base, quant)
        or _only(models, lambda model: adapter_named(model, name) is not None)
    )


def named_like(models: Sequence[ModelSettings], name: str) -> list[str]:
    """The names of the models that ``name`` could mean, each if the others were not there."""
    return [model.name for model in models if find_named([model], name) is not None]


def adapter_named(model: ModelSettings, name: str) -> str | None:
    """The adapter of a model that a client means by ``name``, which means the model; None if it wants none so.

    Its name, or ``MODEL:ADAPTER`` with the model's name or an alias; else one that differs only in case and separators.
    """
    if not model.adapters or name in _names(model):
        return None
    exact = _adapter_like(model, name, str)
    if exact is not None or name_key(name) in map(name_key, _names(model)):
        return exact
    return _adapter_like(model, name.removesuffix(f":{LATEST}"), name_key)


def adapter_names(models: Sequence[ModelSettings], model: ModelSettings) -> tuple[str, ...]:
    """A name for each adapter of a model that means it: its own, or with the model's where that means another one."""
    names = [adapter.name for adapter in adapters_of(model.adapters)]
    return tuple(name if _means_adapter(models, model, name) else f"{model.name}:{name}" for name in names)


def _means_adapter(models: Sequence[ModelSettings], model: ModelSettings, name: str) -> bool:
    return find_named(models, name) is model and adapter_named(model, name) == name


def _adapter_like(model: ModelSettings, name: str, key: Callable[[str], str]) -> str | None:
    """The adapter of a model whose name, or ``MODEL:ADAPTER``, has the same ``key`` as ``name``."""
    wanted = key(name)
    for adapter in adapters_of(model.adapters):
        if wanted in (key(adapter.name), *(key(f"{own}:{adapter.name}") for own in _names(model))):
            return adapter.name
    return None


def name_to_serve(model: ModelSettings) -> str:
    """A served model's name as ``nexa server`` takes it."""
    return marked(model.name, opens_onnx(model.engine))


def _find_onnx(models: Sequence[ModelSettings], name: str) -> ModelSettings | None:
    """The ONNX model that ``name`` means, which may have got another name beside one of another format."""
    found = [model for model in models if opens_onnx(model.engine)]
    plain = [model.model_copy(update={"name": model.name.removesuffix(ONNX_ENDING)}) for model in found]
    meant = find_named(plain, name)
    return None if meant is None else found[plain.index(meant)]


def _same_in_catalog(models: Sequence[ModelSettings], base: str, quant: str) -> ModelSettings | None:
    entries = {onnx: load_catalog().named(marked(base, onnx)) for onnx in (False, True)}
    return _only(models, lambda model: _is_entry(entries[opens_onnx(model.engine)], quant, model))


def _is_entry(entry: CatalogEntry | None, quant: str, model: ModelSettings) -> bool:
    if entry is None:
        return False
    for own in _names(model):
        own_base, own_quant = split_tag(marked(own, entry.source.onnx))
        if load_catalog().named(own_base) is entry and _has_quant(quant, own_quant, model.path):
            return True
    return False


def _only(models: Sequence[ModelSettings], fits: Callable[[ModelSettings], bool]) -> ModelSettings | None:
    found = [model for model in models if fits(model)]
    return found[0] if len(found) == 1 else None


def _names(model: ModelSettings) -> tuple[str, ...]:
    with_format = (f"{model.name}{ONNX_ENDING}",) if opens_onnx(model.engine) else ()
    return (model.name, *model.aliases, *with_format)


def _known_names(model: ModelSettings) -> tuple[str, ...]:
    return (*_names(model), *map(_without_hub, (*model.aliases, model.name, *model.known_as)))


def _without_hub(name: str) -> str:
    """A name without the address of the hub, or ``hf:``, before it."""
    return _OF_HUB.sub("", name, count=1)


def _means(base: str, quant: str, own: str, path: str) -> bool:
    """Whether ``base`` with this quantization, if any, means the model called ``own``, whose file is ``path``."""
    own_base, own_quant = split_tag(own)
    return name_key(own_base) == name_key(base) and _has_quant(quant, own_quant, path)


def _has_quant(quant: str, own_quant: str, path: str) -> bool:
    return not quant or has_word(own_quant or PurePath(path).name, quant)


def _described(model: ModelSettings) -> str:
    adapters = [adapter.name for adapter in adapters_of(model.adapters)]
    return f"{model.name} ({', '.join(model.kinds)}{'; adapters: ' if adapters else ''}{', '.join(adapters)})"


def _hint(models: Sequence[ModelSettings], name: str) -> str:
    names = [own for model in models for own in (model.name, *model.aliases)]
    names += [adapter.name for model in models for adapter in adapters_of(model.adapters)]
    meant = named_like(models, name)
    if len(meant) > 1:
        return f", which could be {', '.join(meant)}"
    near = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
