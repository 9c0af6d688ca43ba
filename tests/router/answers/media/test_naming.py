"""Errors of workers name media by their fields in the request."""

from __future__ import annotations

from typing import Any

from router.answers.media.naming import media_fields, renamed
from router.schemas.media.given import GivenMedium, MediumKind
from shared.wire.payloads import Failed


def test_media_are_named_by_their_fields_in_the_request() -> None:
    first, second = (GivenMedium(MediumKind.IMAGE, "", f"input.{place}.content.0") for place in (2, 3))
    system = {"role": "system", "content": "Be brief."}
    given: list[dict[str, Any]] = [system, {"role": "user", "content": ["a", first, "b", "c", second]}]
    picture, text = {"type": "image", "blob": 0}, {"type": "text", "text": "b\nc"}
    fields = media_fields(given, [system, {"role": "user", "content": [{**text, "text": "a"}, picture, text, picture]}])
    assert fields == {"messages.1.content.1": "input.2.content.0", "messages.1.content.3": "input.3.content.0"}
    told = renamed(Failed(400, "messages.1.content.3: expected one", "messages.1.content.3"), fields)
    assert (told.message, told.param) == ("input.3.content.0: expected one", "input.3.content.0")
    other = Failed(400, "tools: expected none", "tools")
    assert renamed(other, fields) is other
