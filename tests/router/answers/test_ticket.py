"""What a ticket tells the next run of the router."""

from __future__ import annotations

from router.answers.ticket import Ticket
from router.http.request_record import RequestRecord
from router.jobs.job import JobRequest
from router.jobs.limits import Priority, UserLimits
from shared.wire.jobs import TextJob
from shared.wire.messages import Submit
from shared.wire.work import PackedWork


def test_a_request_goes_on_as_its_users_and_within_the_limits_of_its_key() -> None:
    limits = UserLimits(max_running=2, max_queued=0, priority=Priority.BATCH)
    record = RequestRecord("answer", "request", "anna", "anna", "id", limits=limits)
    work = TextJob(prompt="x")
    request = JobRequest("request", "anna", "smol", work, limits=limits, priority=Priority.BATCH)
    ticket = Ticket.decode(Ticket.of("/v1/completions", b"", record, request, created=7).encode())
    restored = ticket.record()
    assert (restored.answer_id, restored.user, restored.key_id, restored.limits) == ("answer", "anna", "id", limits)
    assert restored.detached
    again = ticket.job_request(restored, Submit("wire", "run", 1), PackedWork(work))
    assert (again.user, again.model, again.limits, again.priority) == ("anna", "smol", limits, Priority.BATCH)
    assert again.timeout_s is None


def test_the_files_of_a_chat_do_not_go_on() -> None:
    record = RequestRecord("answer", "request", "anna", "anna", "id")
    for content, lacks_files in (("Look", False), ([{"type": "image", "blob": 0}], True)):
        work = TextJob(messages=[{"role": "user", "content": content}])
        ticket = Ticket.of("/v1/completions", b"", record, JobRequest("request", "anna", "smol", work), created=7)
        again = ticket.job_request(record, Submit("wire", "run", 1), PackedWork(work))
        assert again.lacks_files == lacks_files
