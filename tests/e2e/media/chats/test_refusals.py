"""What a server takes no pictures from, and which models take none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from scripts.make_media.cache import made
from tests.support.media.asking import PATH, asked, colour_file, heard, said, shown
from tests.support.media.picture_site import PictureSite, picture_site
from tests.support.media.waves import tone_file
from tests.support.running_server import RunningServer, running

PICTURE, SOUND = shown(colour_file("red")), heard(tone_file(440))
FIELD = "messages.1.content.1"
"""The second part of a question."""


@pytest.fixture(scope="module")
def client(seeing: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{seeing.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def refused(client: OpenAI, model: str, part: dict[str, Any]) -> openai.BadRequestError:
    messages: Any = asked(said("See:"), part)
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(model=model, messages=messages, max_tokens=1)
    return refusal.value


@pytest.mark.parametrize(
    ("model", "part", "sense"),
    [
        ("smollm2", PICTURE, "smollm2 sees no pictures"),
        ("smollm2", SOUND, "smollm2 hears no recordings"),
        ("qwen2vl", SOUND, "qwen2vl hears no recordings"),
    ],
    ids=["a picture", "a recording", "a recording for one that sees"],
)
def test_a_model_that_takes_none_names_the_part(client: OpenAI, model: str, part: dict[str, Any], sense: str) -> None:
    error = refused(client, model, part)
    assert (error.code, error.param) == ("media_not_supported", FIELD)
    assert f"{FIELD}: expected text, since {sense}, got one" in error.message


def test_models_say_what_they_take(seeing: RunningServer) -> None:
    rows = {row["id"]: set(row["inputs"]) for row in seeing.client.get("/v1/models").json()["data"]}
    assert rows == {"smolvlm": {"text", "image", "audio"}, "qwen2vl": {"text", "image"}, "smollm2": {"text"}}


def test_a_projector_that_is_left_out() -> None:
    with running(f"{made('qwen2vl').model}@mmproj=none", "--nctx", "1024") as server:
        with OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            error = refused(client, "qwen2vl", PICTURE)
        assert (error.code, error.param) == ("media_not_supported", FIELD)
        assert server.post(PATH, {"messages": asked(said("Hello")), "max_tokens": 2})["usage"]["prompt_tokens"] > 0


def from_url(client: OpenAI, url: str) -> openai.BadRequestError:
    return refused(client, "smolvlm", {"type": "image_url", "image_url": {"url": url}})


def test_redirects_to_private_addresses_are_not_followed(client: OpenAI, site: PictureSite) -> None:
    with picture_site() as private:
        private.files["/secret.png"] = colour_file("blue")
        targets = [
            f"http://{private.host}/secret.png",
            f"http://localhost:{private.server_port}/secret.png",
            f"http://[::1]:{private.server_port}/secret.png",
            f"http://0x7f000001:{private.server_port}/secret.png",
            f"http://user:word@{site.host}/secret.png",
            f"//{private.host}/secret.png",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/a.png",
            "file:///etc/passwd",
            "ftp://127.0.0.1/a.png",
        ]
        for number, target in enumerate(targets):
            site.redirects[f"/away{number}"] = target
            error = from_url(client, f"http://{site.host}/away{number}")
            assert error.param == FIELD, target
            assert FIELD in error.message, target
        assert private.asked_paths == []
    followed = [path for path in site.asked_paths if path.startswith("/away")]
    assert followed == [f"/away{number}" for number in range(len(targets))]


def test_a_redirect_in_circles_ends(client: OpenAI, site: PictureSite) -> None:
    site.redirects["/round"] = "/round"
    assert from_url(client, f"http://{site.host}/round").param == FIELD


@pytest.mark.parametrize("url", ["http://169.254.169.254/a.png", "http://127.0.0.1/a.png", "file:///etc/passwd"])
def test_hosts_that_are_not_allowed_are_not_asked(client: OpenAI, url: str) -> None:
    assert from_url(client, url).param == FIELD
