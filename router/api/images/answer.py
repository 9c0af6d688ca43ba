"""Answers with pictures, as one JSON object or as a stream of events."""

from __future__ import annotations

import binascii
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from msgspec.structs import replace
from starlette.responses import Response

from router.answers.event_stream import DONE_EVENT, EventWriter
from router.answers.queue_wait import position_header
from router.answers.response import gathered
from router.answers.submission import Batch, SubmittedRequest
from router.answers.warnings import warning_header
from router.http.json_text import json_text
from router.http.request_record import RequestRecord
from router.images.dimensions import picture_dimensions
from router.images.store import ImageStore
from router.jobs.broker import Broker
from router.jobs.job import Blob
from router.schemas.errors import ApiError
from router.schemas.images.request import ImageRequest
from router.schemas.images.upscale import UpscaleRequest
from router.threads import Lane
from shared.wire.jobs import ImageJob, UpscaleJob
from shared.wire.payloads import Payload, Picture, Progress

SAVING = Lane("output folder", threads=4, timeout_s=10.0)
_RENDERING = Lane("pictures as text", threads=2, max_waiting=1024, timeout_s=None)

log = logging.getLogger("nexa.images")

# Pictures use no tokens, but OpenAI's clients expect these fields.
_USAGE = {
    "input_tokens": 0,
    "output_tokens": 0,
    "total_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
}


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A finished picture. ``url`` is ``None`` if none was wanted or saving failed; ``base64`` is empty if unwanted."""

    picture: Picture
    url: str | None
    base64: str


class SubmittedImages(SubmittedRequest):
    """The jobs of an image request, one for each picture, so that other users' pictures come between them.

    ``job`` is that of the first picture; the seeds of the others count up.

    Pictures are saved and encoded in a thread, as they arrive. ``kept`` has the finished ones by their number.

    ``url_of`` gives the URL of a saved picture from its file name.

    Raises:
        ApiError: as :class:`SubmittedRequest`.
    """

    def __init__(
        self,
        broker: Broker,
        record: RequestRecord,
        body: ImageRequest | UpscaleRequest,
        job: ImageJob | UpscaleJob,
        blobs: tuple[Blob, ...],
        store: ImageStore,
        url_of: Callable[[str], str],
        notes: Sequence[str] = (),
    ) -> None:
        jobs = _each(job, body.n)
        super().__init__(broker, record, body.model, jobs, blobs, body, len(jobs), True, [*body.notes, *notes])
        self.body = body
        self.kept: dict[int, KeptPicture] = {}
        self.format_fields = {
            "output_format": job.format,
            "background": "opaque",
            "quality": body.wanted_quality or "auto",
        }
        self._told: dict[str, None] = {}
        self._store = store
        self._url_of = url_of

    async def next_batch(self) -> Batch | None:
        """As :meth:`SubmittedRequest.next_batch`, with the pictures of the batch in ``kept``.

        Raises:
            ApiError: 500, only URLs were requested, and a picture cannot be saved.
        """
        batch = await super().next_batch()
        if batch is not None:
            number, payloads = batch
            for payload in payloads:
                if isinstance(payload, Picture):
                    self._told |= dict.fromkeys(payload.warnings)
                    self.kept[number] = await self._keep(payload)
        return batch

    @property
    def warnings(self) -> list[str]:
        """As :attr:`SubmittedRequest.warnings`, with what came with the finished pictures."""
        return list(dict.fromkeys([*super().warnings, *self._told]))

    async def _keep(self, picture: Picture) -> KeptPicture:
        base64 = await _RENDERING.run(_base64, picture.file) if self.body.wants_base64 else ""
        return KeptPicture(picture, await self._saved(picture) if self.body.wants_url else None, base64)

    async def _saved(self, picture: Picture) -> str | None:
        """The URL of the picture, which is saved; None if that fails and the answer holds the picture."""
        try:
            return self._url_of(await SAVING.run(self._store.save, picture.file, picture.format))
        except OSError as error:
            log.warning("picture not saved", extra={"id": self.record.request_id, "reason": str(error)})
            if self.body.wants_base64:
                return None
            message = "response_format: expected b64_json, since the picture cannot be saved for a url, got url"
            raise ApiError(500, message, "response_format") from None

    def written(self, kept: KeptPicture, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        """The JSON object of a picture in parts: ``before``, its URL if one is wanted, ``after``, and its base64.

        Only native answers hold the base64 under both of its names.
        """
        url = {"url": kept.url} if self.body.wants_url else {}
        return _object({**before, **url, **after}, kept.base64, kept.base64 if self.body.is_native else "")


def _each(job: ImageJob | UpscaleJob, count: int) -> list[ImageJob | UpscaleJob]:
    """The jobs of ``count`` pictures."""
    if isinstance(job, UpscaleJob):
        return [job] * count
    return [replace(job, seed=job.seed + index) for index in range(count)]


async def answer_pictures(request: Request, submitted: SubmittedImages) -> Response:
    """Answer with all pictures in one JSON object, once the last one is finished."""
    body = await gathered(request, submitted, _whole(submitted))
    headers = position_header(submitted) | warning_header(submitted)
    return Response(body, headers=headers, media_type="application/json")


async def _whole(submitted: SubmittedImages) -> bytes:
    async for _ in submitted.events():
        pass
    return await _RENDERING.run(_whole_json, submitted)


def _whole_json(submitted: SubmittedImages) -> bytes:
    pictures = [kept for _, kept in sorted(submitted.kept.items())]
    facts: dict[str, Any] = {"created": submitted.created, "model": submitted.model}
    facts |= {"size": _size(pictures[0].picture), **submitted.format_fields} if pictures else submitted.format_fields
    if submitted.body.is_native and submitted.warnings:
        facts["warnings"] = submitted.warnings
    parts = [json_text(facts)[:-1], ',"data":[']
    for number, kept in enumerate(pictures):
        fields = {"seed": kept.picture.seed, "revised_prompt": None}
        parts += [","] * (number > 0) + submitted.written(kept, {}, fields)
    return "".join([*parts, "]}"]).encode()


class ImageChunks(EventWriter):
    """Writes OpenAI's image events, with types prefixed by ``kind``, and a native one for each denoising step.

    Steps count over all pictures of the request, several of which may be in progress at a time.
    """

    def __init__(self, kind: str, submitted: SubmittedImages) -> None:
        self._kind = kind
        self._submitted = submitted
        self._steps = [0] * len(submitted.jobs)
        self._previews = [0] * len(submitted.jobs)

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """The events of each step, preview and finished picture."""
        events = []
        for payload in payloads:
            if isinstance(payload, Progress):
                self._steps[choice] = payload.step
                place = {"step": sum(self._steps), "steps": payload.steps * len(self._steps)}
                events.append(self._event("progress", place))
                if payload.preview:
                    events.append(self._partial(choice, payload.preview, place))
            elif isinstance(payload, Picture):
                events.append(self._completed(choice, self._submitted.kept.pop(choice)))
        return events

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """Only the end: there are no events after the last picture."""
        return [DONE_EVENT]

    def _partial(self, choice: int, preview: bytes, place: dict[str, int]) -> str:
        width, height = picture_dimensions(preview) or (0, 0)
        fields = {
            "partial_image_index": self._previews[choice],
            "index": choice,
            **place,
            "created_at": self._submitted.created,
            "size": f"{width}x{height}",
            **self._submitted.format_fields,
        }
        self._previews[choice] += 1
        return self._event("partial_image", fields, _base64(preview))

    def _completed(self, choice: int, kept: KeptPicture) -> str:
        picture = kept.picture
        head = {"type": f"{self._kind}.completed", "index": choice}
        fields = {
            "seed": picture.seed,
            "created_at": self._submitted.created,
            "size": _size(picture),
            **self._submitted.format_fields,
            "usage": _USAGE,
        }
        if self._submitted.warnings:
            fields["warnings"] = self._submitted.warnings
        return _event(self._submitted.written(kept, head, fields))

    def _event(self, name: str, fields: dict[str, Any], b64_json: str = "") -> str:
        return _event(_object({"type": f"{self._kind}.{name}", **fields}, b64_json))


def _size(picture: Picture) -> str:
    return f"{picture.width}x{picture.height}"


def _event(parts: list[str]) -> str:
    return "".join(("data: ", *parts, "\n\n"))


def _object(fields: dict[str, Any], b64_json: str, base64: str = "") -> list[str]:
    """The fields as parts of a JSON object. Base64 is inserted without passing the encoder, which would copy it."""
    parts = [json_text(fields)[:-1]]
    if b64_json:
        parts += [',"b64_json":"', b64_json, '"']
    if base64:
        parts += [',"base64":"', base64, '"']
    return [*parts, "}"]


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
