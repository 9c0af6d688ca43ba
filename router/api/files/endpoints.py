"""``/v1/files``: files that outlive their requests, as OpenAI's API has them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from router.api.dependencies import BrokerDep, RecordDep
from router.files.contents import new_file_id
from router.files.keeper import FileKeeper, FilesUnavailable, OpenFiles
from router.files.names import clean_name
from router.files.reading import ContentResponse
from router.files.store import FilePage, StorageLimit, StoredFile
from router.http.forms import form_docs, parse_fields, read_form
from router.http.request_record import RequestRecord
from router.jobs.job import Blob
from router.schemas.errors import ApiError, error_responses
from router.schemas.files import DeletedFile, FileList, FileObject, UploadFields
from router.schemas.shown import shown

MAX_PAGE = 10_000

router = APIRouter(tags=["files"])


async def keeper_of(request: Request) -> FileKeeper:
    """The application's keeper of files and batches."""
    keeper: FileKeeper = request.app.state.file_keeper
    return keeper


KeeperDep = Annotated[FileKeeper, Depends(keeper_of)]


async def find_file(keeper: FileKeeper, file_id: str, record: RequestRecord, field: str = "file_id") -> StoredFile:
    """The file with this id, if its owner or an administrator is asking. ``field`` is what errors name.

    Raises:
        ApiError: 404, there is none, or it is another user's; 503, the disk fails.
    """
    file = await keeper.run(lambda opened: opened.files.find(file_id, keeper.clock()))
    if file is None or not (record.admin or file.owner == record.user):
        message = f"{field}: expected the id of one of your files, got {shown(file_id)}"
        raise ApiError(404, message, field, "file_not_found")
    return file


async def _file(file_id: str, keeper: KeeperDep, record: RecordDep) -> StoredFile:
    """The file that the path names."""
    return await find_file(keeper, file_id, record)


FileDep = Annotated[StoredFile, Depends(_file)]
PurposeQuery = Annotated[str | None, Query(max_length=64, description="Only files for this purpose.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Files in one answer.")]
Order = Annotated[Literal["asc", "desc"], Query(description="By time: `desc` is the newest first.")]
After = Annotated[str | None, Query(max_length=64, description="The id of the last file of the page before.")]


@router.post(
    "/v1/files",
    responses=error_responses(400, 401, 403, 413, 429, 503, 507),
    openapi_extra=form_docs(UploadFields, {"file": "The file's content"}, required=("file",)),
)
async def upload(request: Request, broker: BrokerDep, keeper: KeeperDep, record: RecordDep) -> FileObject:
    """Store a file. Batches read those with the purpose `batch`: one JSON object a line."""
    form = await read_form(request, broker.settings)
    blob = form.required_file("file")
    fields = parse_fields(UploadFields, form, request.query_params)
    now_s = int(keeper.clock())
    keep_s = broker.settings.files_keep_s
    if fields.expires_seconds is not None:
        keep_s = min(keep_s, fields.expires_seconds)
    file = StoredFile(
        file_id=new_file_id(),
        owner=record.user,
        name=clean_name(form.file_names["file"][0]),
        purpose=fields.purpose,
        size_bytes=len(blob),
        created_at_s=now_s,
        expires_at_s=now_s + int(keep_s),
    )
    await _store(keeper, file, blob, StorageLimit(broker.settings.files_keep_bytes))
    return file_object(file)


@router.get("/v1/files", responses=error_responses(400, 401, 404, 503))
async def list_files(
    keeper: KeeperDep,
    record: RecordDep,
    purpose: PurposeQuery = None,
    limit: Limit = MAX_PAGE,
    order: Order = "desc",
    after: After = None,
) -> FileList:
    """The user's files; an administrator sees those of all users."""
    owner = None if record.admin else record.user
    if after is not None:
        await find_file(keeper, after, record, "after")

    def read(opened: OpenFiles) -> FilePage:
        return opened.files.page(owner, purpose, after, limit, order == "desc", keeper.clock())

    page = await keeper.run(read)
    data = [file_object(file) for file in page.files]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return FileList(data=data, first_id=first, last_id=last, has_more=page.has_more)


@router.get("/v1/files/{file_id}", responses=error_responses(401, 404, 503))
async def show_file(file: FileDep) -> FileObject:
    """One file, without its content."""
    return file_object(file)


@router.delete("/v1/files/{file_id}", responses=error_responses(400, 401, 404, 503))
async def delete_file(file: FileDep, keeper: KeeperDep) -> DeletedFile:
    """Delete a file. One that an unfinished batch reads cannot be deleted."""
    await keeper.run(lambda opened: opened.files.remove(file.file_id))
    return DeletedFile(id=file.file_id)


@router.get(
    "/v1/files/{file_id}/content",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **error_responses(401, 404, 503)},
)
async def read_file(file: FileDep, keeper: KeeperDep) -> Response:
    """The content of a file."""
    return ContentResponse(keeper, file)


def file_object(file: StoredFile) -> FileObject:
    """A file as clients see it."""
    return FileObject(
        id=file.file_id,
        bytes=file.size_bytes,
        created_at=file.created_at_s,
        expires_at=file.expires_at_s,
        filename=file.name,
        purpose=file.purpose,
    )


async def _store(keeper: FileKeeper, file: StoredFile, blob: Blob, limit: StorageLimit) -> None:
    """Write the content, then the row: a crash in between leaves a content that the next start removes."""
    contents = keeper.contents
    await keeper.on_disk(contents.write, file.file_id, blob)
    try:
        await keeper.run(lambda opened: opened.files.add(file, limit))
    except FilesUnavailable:
        raise  # the row may still be written: the next start sorts it out
    except ApiError:
        await keeper.on_disk(contents.remove, file.file_id)
        raise
