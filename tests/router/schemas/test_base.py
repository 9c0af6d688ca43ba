"""What all JSON objects in requests have in common."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from router.schemas.base import RequestModel
from router.schemas.images.request import ImageRequest


class _Numbers(RequestModel):
    whole: Annotated[int, Field(ge=0)] | None = None
    part: float = 0.0
    anything: Any = None


def test_a_whole_number_written_with_a_fraction_is_an_integer() -> None:
    found = _Numbers.model_validate({"whole": 16.0, "part": 16.0, "anything": 16.0})
    assert [type(value) for value in (found.whole, found.part, found.anything)] == [int, float, float]
    assert ImageRequest.model_validate({"prompt": "a cat", "width": 512.0, "n": 2.0}).width == 512


@pytest.mark.parametrize("given", [16.5, "16", "16.0", True, [16.0], -1.0])
def test_other_values_are_no_integers(given: Any) -> None:
    with pytest.raises(ValidationError):
        _Numbers.model_validate({"whole": given})


def test_null_is_absent() -> None:
    assert _Numbers.model_validate({"whole": None, "part": None}).model_fields_set == set()
