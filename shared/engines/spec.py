"""What every process knows about an engine, without importing its libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.kinds import JobKind


def _recognise_nothing(_candidate: Candidate) -> ModelFiles | None:
    return None


def _choose_nothing(_listing: Listing) -> list[HubFile]:
    return []


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine. To add one: a module here with its spec, a line in the registry, a folder in ``workers``.

    ``factory`` is the ``module:function`` of a :data:`workers.engine.EngineFactory`, which only a worker imports. The
    engine needs the Python module ``module``, which the ``extra`` of this distribution installs; both are empty when
    every installation can run it.

    ``opens`` describes its models in error messages. Their files end in ``.gguf`` or one of ``suffixes``. ``recognise``
    returns the model that a candidate is, or None if it is not for this engine. ``choose`` returns the files to fetch
    from a hub repository, starting with the one to open, or none. Both raise :class:`~shared.errors.ModelError` for
    files that belong to this engine but cannot be used.

    An engine with ``onnx`` is only asked for models that the user marked as ONNX, and the others only for all others.

    If ``has_files`` is false, the engine opens no files: its only model is named ``ENGINE`` or ``ENGINE:ARGUMENT``, and
    ARGUMENT sets the model option ``argument``.

    With ``can_split``, a worker can compute one model on several GPUs.
    """

    name: str
    kinds: tuple[JobKind, ...]
    factory: str
    extra: str = ""
    module: str = ""
    opens: str = ""
    suffixes: tuple[str, ...] = ()
    onnx: bool = False
    recognise: Callable[[Candidate], ModelFiles | None] = _recognise_nothing
    choose: Callable[[Listing], list[HubFile]] = _choose_nothing
    has_files: bool = True
    argument: str = ""
    can_split: bool = False
