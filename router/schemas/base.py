"""The base of JSON request models, and parameters that have several names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from router.schemas.errors import ApiError
from router.schemas.shown import shown

T = TypeVar("T")


class RequestModel(BaseModel):
    """A JSON object in a request.

    Unknown fields are ignored, since clients send whatever OpenAI's newest API has. Known fields are strict: ``true``
    and ``"1"`` are not numbers. ``null`` counts as absent.

    Validators raise ``ValueError("expected ...")``; the error message adds the field's name and, unless the text has
    its own ``got``, the value.
    """

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if value is not None}
        return given


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
