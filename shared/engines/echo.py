"""The echo engine: text without a model, for load tests of everything but the model."""

from __future__ import annotations

from shared.engines.spec import EngineSpec
from shared.kinds import JobKind

ECHO = EngineSpec(
    name="echo",
    kinds=(JobKind.TEXT,),
    factory="workers.testing.echo:create",
    has_files=False,
    argument="step_s",
)
