"""``GET /v1/server/curves``: the load of the last quarter of an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from router.api.dependencies import BrokerDep, RecordDep
from router.jobs.workers.history import WorkerEvent
from router.schemas.errors import error_responses
from router.schemas.server.curves import CurvesObject, EventObject, GpuCurves, LoadCurves, MachineCurves
from router.telemetry.curves.ring import INTERVAL_S, KEEP_S, NO_LOAD, CurveRing, LoadSample, Sample
from shared.devices import Gpu

router = APIRouter(tags=["server"])

_DIGITS = 4
"""Decimals of the values: a tenth of a millisecond, or of a thousandth."""
_FIELDS = [field.name for field in fields(LoadSample)]

Since = Annotated[
    float, Query(ge=0, allow_inf_nan=False, description="The last time in `at` that the client has; 0 for all.")
]


@router.get(
    "/v1/server/curves",
    response_class=Response,
    responses={200: {"model": CurvesObject}, **error_responses(400, 401)},
)
async def show_curves(request: Request, broker: BrokerDep, record: RecordDep, since: Since = 0.0) -> Response:
    """Tokens per second, jobs, latencies, processors and memory every two seconds, and what became of workers."""
    ring: CurveRing = request.app.state.curves
    samples = ring.after(since)
    until_s = samples[-1].at_s if samples else since
    names = [model.name for model in broker.models_for(record.limits)]
    answer = CurvesObject(
        interval_s=INTERVAL_S,
        keep_s=KEEP_S,
        at=[sample.at_s for sample in samples],
        total=_columns([sample.total for sample in samples]),
        models={name: _columns([sample.models.get(name, NO_LOAD) for sample in samples]) for name in names},
        machine=_machine(samples),
        events=[_event(event) for event in broker.worker_events(since, until_s) if event.model in names],
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})


def _columns(loads: Sequence[LoadSample]) -> LoadCurves:
    columns: dict[str, list[Any]] = {name: [_rounded(getattr(load, name)) for load in loads] for name in _FIELDS}
    return LoadCurves(**columns)


def _machine(samples: Sequence[Sample]) -> MachineCurves:
    figures = [sample.machine for sample in samples]
    known = [figure for figure in figures if figure is not None]
    return MachineCurves(
        cpu_ratio=[None if figure is None else _rounded(figure.cpu_ratio) for figure in figures],
        memory_total_bytes=known[-1].memory_total_bytes if known else None,
        memory_used_bytes=[None if figure is None else figure.memory_used_bytes for figure in figures],
        gpus=_gpus([{gpu.index: gpu for gpu in figure.gpus} if figure else {} for figure in figures]),
    )


def _gpus(readings: Sequence[Mapping[int, Gpu]]) -> list[GpuCurves]:
    found = {index: gpu for reading in readings for index, gpu in sorted(reading.items())}
    return [
        GpuCurves(
            index=index,
            name=gpu.name,
            total_bytes=gpu.total_bytes,
            used_bytes=[
                one.total_bytes - one.free_bytes if (one := reading.get(index)) else None for reading in readings
            ],
            busy_ratio=[one.busy_ratio if (one := reading.get(index)) else None for reading in readings],
        )
        for index, gpu in found.items()
    ]


def _event(event: WorkerEvent) -> EventObject:
    return EventObject(
        at=event.at_s,
        worker=event.worker,
        model=event.model,
        state=event.state,
        before=event.before,
        lasted_s=_rounded(event.lasted_s),
        detail=event.detail,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
