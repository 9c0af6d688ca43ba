"""OpenAI's batch object."""

from __future__ import annotations

from router.batches.records import StoredBatch
from router.batches.states import BatchState
from router.schemas.batches import BatchError, BatchErrors, BatchObject, RequestCounts


def batch_object(batch: StoredBatch) -> BatchObject:
    """A batch as clients see it."""
    at_s = batch.moved_at_s.get
    return BatchObject(
        id=batch.batch_id,
        endpoint=batch.endpoint,
        errors=BatchErrors(data=[BatchError(**error) for error in batch.errors]) if batch.errors else None,
        input_file_id=batch.input_file_id,
        completion_window=batch.completion_window,
        status=batch.state.value,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        created_at=batch.created_at_s,
        in_progress_at=at_s(BatchState.IN_PROGRESS),
        expires_at=batch.expires_at_s,
        finalizing_at=at_s(BatchState.FINALIZING),
        completed_at=at_s(BatchState.COMPLETED),
        failed_at=at_s(BatchState.FAILED),
        expired_at=at_s(BatchState.EXPIRED),
        cancelling_at=at_s(BatchState.CANCELLING),
        cancelled_at=at_s(BatchState.CANCELLED),
        request_counts=RequestCounts(total=batch.total, completed=batch.completed, failed=batch.failed),
        metadata=None if batch.metadata is None else dict(batch.metadata),
    )
