"""Which Content-Types are accepted."""

from __future__ import annotations

import pytest

from router.http.content_type import FORM, JSON, check_content_type
from router.schemas.errors import ApiError


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ("application/problem+json", JSON),
        ("multipart/form-data; boundary=b", FORM),
        (" multipart/form-data\t", FORM),
    ],
)
def test_an_accepted_type_is_returned(given: str, kind: str) -> None:
    assert check_content_type(given, JSON, FORM) == kind


@pytest.mark.parametrize(
    ("given", "accepted", "message"),
    [
        (None, (JSON,), "Content-Type is required: application/json"),
        ("", (JSON, FORM), "Content-Type is required: application/json or multipart/form-data"),
        ("text/plain", (JSON,), "Content-Type: expected application/json, got 'text/plain'"),
        ("application/json", (FORM,), "Content-Type: expected multipart/form-data, got 'application/json'"),
        ("application/vnd.api+json", (FORM,), "got 'application/vnd.api+json'"),
        ("application/jsonx", (JSON,), "got 'application/jsonx'"),
        ("text/x+json", (JSON,), "got 'text/x+json'"),
        ("multipart/form-data\xa0", (FORM,), r"got 'multipart/form-data\xa0'"),
    ],
)
def test_any_other_type_is_refused(given: str | None, accepted: tuple[str, ...], message: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_content_type(given, *accepted)
    assert (refused.value.status, refused.value.param) == (400, "Content-Type")
    assert message in str(refused.value)
