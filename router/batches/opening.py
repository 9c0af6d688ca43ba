"""Puts together what runs batches."""

from __future__ import annotations

from starlette.types import ASGIApp

from router.batches.calls.call import LineCaller
from router.batches.calls.gate import LineGate
from router.batches.calls.models import ServedSlots
from router.batches.calls.owners import behalf_of
from router.batches.rows import BatchRows
from router.batches.runner import BatchRunner
from router.batches.tools import BatchTools
from router.files.keeper import FileKeeper
from router.jobs.broker import Broker
from router.keys.keyring import Keyring


def open_runner(broker: Broker, keeper: FileKeeper, keyring: Keyring, app: ASGIApp) -> BatchRunner:
    """The runner of batches whose lines are requests to ``app``."""
    settings, served = broker.settings, ServedSlots(broker)
    tools = BatchTools(
        keeper=keeper,
        rows=BatchRows(keeper),
        gate=LineGate(served.slots_of),
        call=LineCaller(app).call,
        behalf_of=lambda batch: behalf_of(batch, keyring),
        model_of=served.model_of,
        output_keep_s=settings.files_keep_s,
        max_body_bytes=settings.max_body_bytes,
        max_values=settings.max_json_values,
    )
    return BatchRunner(tools)
