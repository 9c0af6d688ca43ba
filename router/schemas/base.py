"""The base of JSON request models, and parameters that have several names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator

from router.schemas.errors import ApiError
from router.schemas.shown import shown

T = TypeVar("T")


class RequestModel(BaseModel):
    """A JSON object in a request.

    Unknown fields are ignored, since clients send whatever OpenAI's newest API has. Known fields are strict: ``true``
    and ``"1"`` are not numbers. But ``16.0`` is an integer, as in JSON Schema. ``null`` counts as absent.

    Validators raise ``ValueError("expected ...")``; the error message adds the field's name and, unless the text has
    its own ``got``, the value.
    """

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _cleaned(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        cleaned = {name: value for name, value in given.items() if value is not None}
        for name in _integer_fields(cls) & cleaned.keys():
            cleaned[name] = as_integer(cleaned[name])
        return cleaned


def as_integer(given: Any) -> Any:
    """A whole number that was written as ``16.0`` as an integer; anything else unchanged."""
    return int(given) if type(given) is float and given.is_integer() else given


@cache
def _integer_fields(model: type[BaseModel]) -> frozenset[str]:
    """The names of the fields that take integers, and no other numbers."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if _allows(field.annotation, int) and not _allows(field.annotation, float)
    )


def _allows(annotation: Any, kind: type) -> bool:
    """Whether a type is ``kind``, or a union with it."""
    if get_origin(annotation) is Annotated:
        return _allows(get_args(annotation)[0], kind)
    if get_origin(annotation) in (Union, UnionType):
        return any(_allows(part, kind) for part in get_args(annotation))
    return annotation is kind


def agreed(names: Mapping[str, T | None]) -> T | None:
    """The value of a parameter that has several names; ``None`` if none of them was given.

    Raises:
        ApiError: 400, two names have different values.
    """
    given = [(name, value) for name, value in names.items() if value is not None]
    if not given:
        return None
    first_name, first = given[0]
    for name, value in given[1:]:
        if value != first:
            message = f"{name}: expected the same value as {first_name} ({shown(first)})"
            raise ApiError(400, f"{message}, got {shown(value)}", name)
    return first
