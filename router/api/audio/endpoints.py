"""``POST /v1/audio/transcriptions`` and ``POST /v1/audio/translations``: speech to text."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.queue_wait import position_header
from router.answers.response import RESUMABLE, answer_in_chunks, gathered
from router.answers.submission import SubmittedRequest
from router.api.audio.transcript import TranscriptChunks, collect_transcript, whole_transcript
from router.api.dependencies import BrokerDep, RecordDep
from router.http.forms import form_docs, parse_fields, read_form
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.audio import TranscriptionRequest, TranslationRequest
from router.schemas.errors import UPLOAD_ERRORS

router = APIRouter(tags=["speech"])

_FILE = {"file": "A recording in any common audio or video format"}


@router.post(
    "/v1/audio/transcriptions",
    response_class=Response,
    responses=UPLOAD_ERRORS,
    dependencies=RESUMABLE,
    openapi_extra=form_docs(TranscriptionRequest, _FILE, required=("file",)),
)
async def transcribe(request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Transcribe a recording in its own language. All fields but the file may be query parameters instead."""
    return await _answer(request, broker, record, TranscriptionRequest)


@router.post(
    "/v1/audio/translations",
    response_class=Response,
    responses=UPLOAD_ERRORS,
    dependencies=RESUMABLE,
    openapi_extra=form_docs(TranslationRequest, _FILE, required=("file",)),
)
async def translate(request: Request, broker: BrokerDep, record: RecordDep) -> Response:
    """Translate a recording into English. All fields but the file may be query parameters instead."""
    return await _answer(request, broker, record, TranslationRequest)


async def _answer(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    fields: type[TranscriptionRequest] | type[TranslationRequest],
) -> Response:
    form = await read_form(request, broker.settings)
    recording = form.required_file("file")
    wanted = parse_fields(fields, form, request.query_params)
    job = wanted.to_job()
    async with SubmittedRequest(broker, record, wanted.model, [job], (recording,), wanted) as submitted:
        if wanted.stream:
            return await answer_in_chunks(request, submitted, TranscriptChunks(wanted))
        transcript = await gathered(request, submitted, collect_transcript(submitted))
        response = whole_transcript(wanted, job.task, transcript)
        response.headers.update(position_header(submitted))
        return response
