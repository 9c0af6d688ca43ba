"""What endpoints are handed: the broker of jobs and the record of the request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from router.jobs.broker import Broker
from router.request_log import RequestRecord, record_of


def broker_of(request: Request) -> Broker:
    """The application's broker."""
    broker: Broker = request.app.state.broker
    return broker


def request_record(request: Request) -> RequestRecord:
    """The record of this request."""
    return record_of(request.scope)


BrokerDep = Annotated[Broker, Depends(broker_of)]
RecordDep = Annotated[RequestRecord, Depends(request_record)]
