"""Dependencies of endpoints: the broker, the request's record, and whether the caller is the operator."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from router.http.request_record import RequestRecord, record_of
from router.jobs.broker import Broker
from shared.addresses import is_loopback


async def broker_of(request: Request) -> Broker:
    """The application's broker."""
    broker: Broker = request.app.state.broker
    return broker


async def request_record(request: Request) -> RequestRecord:
    """The record of this request."""
    return record_of(request.scope)


RecordDep = Annotated[RequestRecord, Depends(request_record)]


async def is_operator(request: Request, record: RecordDep) -> bool:
    """Whether the caller may administer the server.

    These are administrators' keys, and callers on this machine without a named key of their own. A proxy
    on this machine passes on requests from elsewhere.
    """
    address = request.client.host if request.client else ""
    return record.admin or (not record.key_name and not record.passed_on and is_loopback(address))


BrokerDep = Annotated[Broker, Depends(broker_of)]
OperatorDep = Annotated[bool, Depends(is_operator)]
