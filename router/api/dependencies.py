"""What endpoints are handed: the broker of jobs, the record of the request, and whether the operator sent it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from router.http.request_record import RequestRecord, record_of
from router.jobs.broker import Broker
from shared.addresses import is_loopback


def broker_of(request: Request) -> Broker:
    """The application's broker."""
    broker: Broker = request.app.state.broker
    return broker


def request_record(request: Request) -> RequestRecord:
    """The record of this request."""
    return record_of(request.scope)


RecordDep = Annotated[RequestRecord, Depends(request_record)]


def is_operator(request: Request, record: RecordDep) -> bool:
    """Whether the caller may administer the server: by its key, or on this machine without a key of its own.

    The server's one key is everybody's: it lets callers on this machine be operators, as where no key is asked for.
    """
    address = request.client.host if request.client else ""
    return record.admin or (not record.key_name and is_loopback(address))


BrokerDep = Annotated[Broker, Depends(broker_of)]
OperatorDep = Annotated[bool, Depends(is_operator)]
