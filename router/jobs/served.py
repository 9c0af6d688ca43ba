"""The served models, as clients see and name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.jobs.refusals import RefusalReason, Refused
from shared.kinds import KINDS, JobKind
from shared.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One row of ``GET /v1/models``."""

    name: str
    kinds: tuple[JobKind, ...]
    aliases: tuple[str, ...]
    context_tokens: int
    ready: bool


def find_model(models: Sequence[ModelSettings], name: str | None, kind: JobKind) -> ModelSettings:
    """Find a model by name or alias; without a name, the first model of this kind.

    Raises:
        Refused: no such model is served.
    """
    served = ", ".join(f"{model.name} ({', '.join(model.kinds)})" for model in models)
    of_kind = [model for model in models if kind in model.kinds]
    if not of_kind:
        names = " ".join(model.name for model in models)
        remedy = f"`nexa server {names} {KINDS[kind].example_model}` would add one"
        message = f"model: this endpoint needs a model of kind {kind}, and none is served; served: {served}; {remedy}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    if not name:
        return of_kind[0]
    model = next((model for model in models if name == model.name or name in model.aliases), None)
    if model is None:
        message = f"model: expected one of {served}; got {name!r}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    if kind not in model.kinds:
        message = f"model: expected one of kind {kind}, got {name!r} of kind {', '.join(model.kinds)}; served: {served}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    return model
