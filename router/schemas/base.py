"""What all request models have in common, and how two names of one parameter are brought together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from router.schemas.errors import ApiError
from router.schemas.shown import shown

T = TypeVar("T")


class RequestModel(BaseModel):
    """A JSON object of a request.

    A field that this server does not know is ignored, since clients send what OpenAI's newest API has. A known field
    of a wrong type is refused, and nothing is converted: ``true`` is no number, ``"1"`` neither. ``null`` means not
    given.
    """

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if value is not None}
        return given


def agreed(names: Mapping[str, T | None]) -> T | None:
    """The value of a parameter that has several names; ``None`` where none of them was given.

    Raises:
        ApiError: 400, two names were given different values.
    """
    given = [(name, value) for name, value in names.items() if value is not None]
    if not given:
        return None
    first_name, first = given[0]
    for name, value in given[1:]:
        if value != first:
            raise ApiError(
                400,
                f"{first_name} ({shown(first)}) and {name} ({shown(value)}) are two names of one parameter and differ; "
                "give one of them, or both with the same value",
                param=name,
            )
    return first
