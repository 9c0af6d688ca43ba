"""Whatever a client sends to Automatic1111's API, the answer is 200 or a 4xx error object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from router.schemas.a1111.extras import ExtrasBatchBody, ExtrasSingleBody
from router.schemas.a1111.options import OptionsBody
from router.schemas.a1111.painting import A1111Img2Img, A1111Txt2Img
from router.schemas.a1111.png_info import PngInfoBody
from shared.wire.jobs import ImageJob, UpscaleJob
from tests.support.any_json import json_values
from tests.support.requests.a1111 import IMAGE_MODELS, naming_broker
from tests.support.requests.any_body import JSON, answered_or_refused
from tests.support.requests.pictures import in_base64, painted_or_enlarged, png

PHOTO = in_base64(png(9, 64))
MODELS: dict[str, type[BaseModel]] = {
    "txt2img": A1111Txt2Img,
    "img2img": A1111Img2Img,
    "extra-single-image": ExtrasSingleBody,
    "extra-batch-images": ExtrasBatchBody,
    "png-info": PngInfoBody,
    "options": OptionsBody,
}
SCRIPTS = {"controlnet": {"args": [{"image": PHOTO, "module": "canny"}]}}
likely = st.sampled_from(
    [
        0,
        1,
        2,
        0.5,
        64,
        512,
        True,
        "",
        "Euler a",
        "Karras",
        "None",
        "4x",
        "sdxl",
        PHOTO,
        [PHOTO],
        SCRIPTS,
        {"args": [{}]},
    ]
)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_never_anything_but_an_answer_or_a_refusal(name: str) -> None:
    base: dict[str, st.SearchStrategy[Any]] = {
        "prompt": st.text(),
        "init_images": st.just([PHOTO]) | json_values,
        "image": st.just(PHOTO) | json_values,
        "imageList": st.just([{"data": PHOTO}]) | json_values,
    }
    known = {field: values for field, values in base.items() if field in MODELS[name].model_fields}
    changes = st.dictionaries(st.sampled_from(sorted(MODELS[name].model_fields)), likely | json_values, max_size=3)
    bodies = st.builds(lambda body, extra: {**body, **extra}, st.fixed_dictionaries(known), changes)
    broker = naming_broker(*IMAGE_MODELS[:1], IMAGE_MODELS[1].model_copy(update={"upscaler": "/models/4x.pth"}))
    broker.script = painted_or_enlarged
    seen: set[int] = set()

    @settings(max_examples=100, deadline=None)
    @given(bodies | json_values)
    def check(body: Any) -> None:
        status = answered_or_refused(
            broker,
            f"/sdapi/v1/{name}",
            (ImageJob, UpscaleJob),
            {200, 400, 404, 415},
            lambda answer: answer["detail"],
            content=json.dumps(body),
            headers=JSON,
        )
        seen.add(status)

    check()
    assert {200, 400} <= seen
