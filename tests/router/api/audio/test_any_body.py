"""Whatever a client sends to the audio endpoints, the answer is 200 or a 4xx error object."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.schemas.audio import TranscriptionRequest
from shared.wire.jobs import SpeechJob
from tests.support.requests.any_body import answered_or_refused
from tests.support.requests.speech import ROUTE, TRANSLATIONS, speech_broker
from tests.support.router.client import http_client

NAMES = [*TranscriptionRequest.model_fields, "timestamp_granularities[]", "other"]
SOUND = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nsound\r\n'

values = st.sampled_from(["", "en", "json", "srt", "verbose_json", "true", "0", "0.5", "5", "word"]) | st.text(
    st.characters(codec="utf-8"), max_size=10
)
fields = st.tuples(st.sampled_from(NAMES), values).map(
    lambda pair: f'--b\r\nContent-Disposition: form-data; name="{pair[0]}"\r\n\r\n{pair[1]}\r\n'.encode()
)
damage = st.sampled_from([b"--b\r\n", b"\r\n", b"\r\n\r\n", b'"', b"\0", b"\xff", b"; filename*=utf-8''%ff", SOUND])
content_types = st.sampled_from(
    [*["multipart/form-data; boundary=b"] * 6, "multipart/form-data", 'multipart/form-data; boundary="b']
) | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(
    lambda options: f"multipart/form-data; boundary=b; {options}"
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A form with a recording and some fields, either valid or with bytes inserted somewhere."""
    parts = draw(st.permutations([SOUND, *draw(st.lists(fields, max_size=3))]))
    body = b"".join(parts) + b"--b--\r\n"
    if draw(st.booleans()):
        return body
    place = draw(st.integers(0, len(body)))
    rest = body[place:] if draw(st.booleans()) else b""
    return body[:place] + draw(damage) + rest


@pytest.mark.parametrize("path", [ROUTE, TRANSLATIONS])
def test_never_anything_but_an_answer_or_a_refusal(path: str) -> None:
    seen: set[int] = set()
    broker = speech_broker()

    @settings(max_examples=200, deadline=None)
    @given(bodies(), content_types, st.dictionaries(st.sampled_from(NAMES), values, max_size=2))
    def check(body: bytes, content_type: str, query: dict[str, str]) -> None:
        headers = {"Content-Type": content_type}
        seen.add(answered_or_refused(broker, path, (SpeechJob,), content=body, headers=headers, params=query))

    check()
    assert {200, 400} <= seen


@pytest.mark.parametrize("charset", ["undefined", "a\0b", "utf-7", "latin-1", '"utf-16"'])
def test_forms_are_in_utf_8(charset: str) -> None:
    async def go() -> Any:
        async with http_client(speech_broker()) as client:
            headers = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
            return await client.post(ROUTE, content=SOUND + b"--b--\r\n", headers=headers)

    response = asyncio.run(go())
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "Content-Type"
    assert "expected the charset utf-8" in response.json()["error"]["message"]
