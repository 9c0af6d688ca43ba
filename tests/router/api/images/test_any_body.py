"""Whatever a client sends to the image endpoints, the answer is 200 or a 4xx error object."""

from __future__ import annotations

import json
import tempfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from router.schemas.images.edits import EditsRequest, Img2ImgRequest
from router.schemas.images.text_to_image import GenerationsRequest, Txt2ImgRequest
from shared.wire.jobs import ImageJob
from tests.support.any_json import json_values
from tests.support.requests.any_body import JSON, answered_or_refused
from tests.support.requests.images import image_broker
from tests.support.requests.pictures import in_base64, png

MODELS: dict[str, type[BaseModel]] = {
    "/v1/txt2img": Txt2ImgRequest,
    "/v1/img2img": Img2ImgRequest,
    "/v1/images/generations": GenerationsRequest,
    "/v1/images/edits": EditsRequest,
}
likely = st.sampled_from(["64x64", "auto", "euler", "lcm", 0, 1, 2, 0.5, 64, 128, True, "../x.png", in_base64(png())])


@pytest.mark.parametrize("path", sorted(MODELS))
def test_never_anything_but_an_answer_or_a_refusal(path: str) -> None:
    sources = st.just(in_base64(png())) | json_values if "edit" in path or "img2img" in path else st.just("")
    base = st.fixed_dictionaries({"prompt": st.text() | json_values, "image_path": sources})
    changes = st.dictionaries(st.sampled_from(sorted(MODELS[path].model_fields)), likely | json_values, max_size=3)
    seen: set[int] = set()

    with tempfile.TemporaryDirectory() as folder:
        broker = image_broker(output_folder=folder, media_folder=folder)

        @settings(max_examples=100, deadline=None)
        @given(st.builds(lambda body, extra: {**body, **extra}, base, changes) | json_values)
        def check(body: Any) -> None:
            seen.add(
                answered_or_refused(
                    broker, path, (ImageJob,), {200, 400, 404, 415}, content=json.dumps(body), headers=JSON
                )
            )

        check()
    assert {200, 400} <= seen
