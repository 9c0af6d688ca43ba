"""What is told of models that are found, in one line each."""

from __future__ import annotations

from shared.logs.escaping import escaped
from shared.models.projectors.choice import ModelProjector


def text_only(name: str, projector: ModelProjector) -> str:
    """Why a model is served without the projector that lies beside it."""
    return f"nexa: {escaped(name)} takes text only: {escaped(projector.refusal)}"
