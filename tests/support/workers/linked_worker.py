"""A worker's link to a router whose engine is the test."""

from __future__ import annotations

from shared.wire.codec import encode
from shared.wire.jobs import TextJob
from shared.wire.messages import Event, Orphan
from shared.wire.payloads import Done, FinishReason, Payload, Started, Tokens
from tests.support.router.router_end import RouterEnd
from workers.link import Command, Submission, WorkerLink

DONE = Done(FinishReason.STOP, 3, 0, 3, 0.1)


class LinkedWorker:
    """A link whose engine is the test."""

    def __init__(self, router: RouterEnd) -> None:
        self.commands: list[Command] = []
        self.link = WorkerLink("worker", router.endpoints, self.commands.append)
        self.link.start()

    @property
    def submissions(self) -> list[Submission]:
        return [command for command in self.commands if isinstance(command, Submission)]


def begin(router: RouterEnd, worker: LinkedWorker, job_id: str = "job") -> None:
    router.probe()
    router.submit(job_id)
    router.wait_until(lambda: any(s.message.job_id == job_id for s in worker.submissions), "the submission")


def begin_with_ticket(router: RouterEnd, worker: LinkedWorker, job_id: str) -> Orphan:
    """Start a resumable job; returns what another run of the router gets of it."""
    router.probe()
    work = TextJob(prompt="a b c")
    submit = router.submit_work(job_id, work, ticket=b"ticket", keep_s=60.0)
    router.wait_until(lambda: any(s.message.job_id == job_id for s in worker.submissions), "the submission")
    return Orphan(submit, encode(work), counted=False)


def emit_three(router: RouterEnd, worker: LinkedWorker, job_id: str = "job") -> list[Event]:
    """Emit three payloads of a job; returns their events."""
    payloads: list[Payload] = [Started(3, 0), Tokens("a ", [0]), DONE]
    for payload in payloads:
        worker.link.emit([(job_id, payload)])
    router.wait_for_end(job_id)
    return [Event(job_id, seq, payload) for seq, payload in enumerate(payloads)]
