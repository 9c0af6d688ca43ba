"""The field ``lora``: which adapters of the model answer, and how strongly each counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import BaseModel, Field, SkipValidation, field_validator

from router.jobs.served import adapter_named
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.kinds import kind_of
from shared.models.adapters import MAX_SCALE, UnknownAdapterError, adapters_of, settled_adapters
from shared.settings import ModelSettings
from shared.wire.jobs import TextJob, TokenizeJob, WantedAdapters, Work

MAX_ADAPTERS = 64

_EXPECTED = 'expected the name of an adapter, {"NAME": scale} or [{"name": "NAME", "scale": scale}]'


class LoraField(BaseModel):
    """The adapters that a request asks for."""

    # Checked below: its forms are told apart there.
    lora: Annotated[str | dict[str, float] | list[str | dict[str, Any]], SkipValidation] | None = Field(
        None,
        description="Adapters of the model: a name, an object of names and scales, or a list of objects with name (or "
        f"id, from 0) and scale, from -{MAX_SCALE:g} to {MAX_SCALE:g}; an adapter named without a scale has its own.",
    )

    @field_validator("lora", mode="before")
    @classmethod
    def _known_form(cls, given: Any) -> Any:
        _wanted(given)
        return given

    def adapters(self) -> WantedAdapters:
        """The adapters, as far as they can be known without the model."""
        return () if self.lora is None else _wanted(self.lora)


def with_settled_adapters(choices: Sequence[Work], model: ModelSettings, asked: str | None) -> Sequence[Work]:
    """The works of a request with the adapters that it names, in its field or as the model that it ``asked`` for.

    Raises:
        ApiError: 400, the model has no such adapter, or the work is not one that adapters are for.
    """
    own = adapter_named(model, asked) if asked and model.adapters else None
    first = choices[0]
    if not isinstance(first, TextJob | TokenizeJob):
        if own is not None:
            message = f"model: expected a model without an adapter for requests of kind {kind_of(first)}, got {asked}"
            raise ApiError(400, message, "model")
        return choices
    wanted = first.adapters if isinstance(first, TextJob) else first.text.adapters
    if own is not None:
        wanted = ((own, None), *wanted)
    if not wanted:
        return choices
    try:
        settled = settled_adapters(wanted, adapters_of(model.adapters))
    except UnknownAdapterError as error:
        raise ApiError(400, f"lora: {error}", "lora", "adapter_not_found") from None
    return [replace(work, adapters=settled) if isinstance(work, TextJob) else work for work in choices]


def _wanted(given: Any) -> WantedAdapters:
    """Read a value of the field.

    Raises:
        ValueError: it has none of the forms.
    """
    if isinstance(given, str):
        return ((given, None),)
    if isinstance(given, dict):
        given = [{"name": name, "scale": scale} for name, scale in given.items()]
    if not isinstance(given, list):
        raise ValueError(_EXPECTED)
    if len(given) > MAX_ADAPTERS:
        raise ValueError(f"expected at most {MAX_ADAPTERS} adapters, got {len(given)}")
    return tuple(_adapter(item) for item in given)


def _adapter(item: Any) -> tuple[str, float | None]:
    if isinstance(item, str):
        return item, None
    if not isinstance(item, dict) or ("name" in item) == ("id" in item):
        raise ValueError(_EXPECTED)
    name, scale = item.get("name"), item.get("scale")
    if "id" in item:
        name = str(item["id"]) if type(item["id"]) is int else None
    if not isinstance(name, str):
        raise ValueError(_EXPECTED)
    if scale is None:
        return name, None
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not abs(scale) <= MAX_SCALE:
        raise ValueError(f"expected scales from -{MAX_SCALE:g} to {MAX_SCALE:g}, got {shown(scale)}")
    return name, float(scale)
