"""Requests for pictures, and a broker that answers them."""

from __future__ import annotations

from typing import Any

import httpx

from shared.settings import ServerSettings
from shared.wire.jobs import ImageJob
from tests.support.requests.pictures import in_base64, painted, png
from tests.support.router.fake_broker import MODEL, FakeBroker

CAT = {"prompt": "a cat"}
INPUT = {**CAT, "image_path": "data:image/png;base64," + in_base64(png(9))}


def image_broker(**changes: Any) -> FakeBroker:
    """A broker of an image model whose only worker paints one picture at a time, with these settings changed."""
    settings = ServerSettings(**{"models": (MODEL,), "run_folder": "", **changes})
    return FakeBroker(settings=settings, script=painted, in_turn=True)


def job_of(broker: FakeBroker, response: httpx.Response) -> ImageJob:
    """The job of the last request, which was answered with 200."""
    assert response.status_code == 200, response.text
    work = broker.jobs[-1].request.work
    assert isinstance(work, ImageJob)
    return work


def refused(broker: FakeBroker, response: httpx.Response, param: str | None, status: int = 400) -> str:
    """The message of an error response that names ``param``; no job was submitted."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["param"] == param
    assert broker.jobs == []
    return str(error["message"])
