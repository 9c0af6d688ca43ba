"""The models of this server as clients see them."""

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
    """The model of that name or alias, or the first one of the kind when no name is given.

    Raises:
        Refused: no such model is served; the message lists those that are.
    """
    served = "served: " + ", ".join(f"{model.name} ({', '.join(model.kinds)})" for model in models)
    of_kind = [model for model in models if kind in model.kinds]
    if not of_kind:
        names = " ".join(model.name for model in models)
        remedy = f"the command `nexa server {names} {KINDS[kind].example_model}` would serve one too"
        message = f"no {kind} model is served here; {served}; {remedy}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    if not name:
        return of_kind[0]
    model = next((model for model in models if name == model.name or name in model.aliases), None)
    if model is None:
        message = f"model: {name!r} is not served here; {served}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    if kind not in model.kinds:
        message = f"model: {name!r} is of kind {', '.join(model.kinds)}, this endpoint needs {kind}; {served}"
        raise Refused(RefusalReason.MODEL_NOT_FOUND, message, "model")
    return model
