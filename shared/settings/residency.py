"""The options about what is loaded when, and how much memory models may take together."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.settings.option import Group, Option
from shared.settings.units import DAY_S, HOUR_S, MEGABYTE, MINUTE_S, TERABYTE, format_bytes, parse_bytes
from shared.settings.values import Choice, Duration, Size, Switch, Text, Texts, Whole

LOADING = ("start", "demand")
"""Values of ``load``."""

MIN_BUDGET_BYTES = 1_000_000
"""A smaller budget, other than 0, is a number without its unit, such as 12 for 12G: no model would fit."""
MAX_BUDGET_BYTES = 1000 * TERABYTE

_DEVICE = re.compile(r"cpu|cuda:[0-9]{1,3}")


def split_budget(text: str) -> tuple[str, int]:
    """A budget: the device (empty for each that has none of its own), and the size in bytes.

    Raises:
        ValueError: neither ``SIZE`` nor ``DEVICE=SIZE``, a size that must lack its unit, or more than any machine has.
    """
    device, equals, written = text.rpartition("=")
    if equals and not _DEVICE.fullmatch(device):
        raise ValueError(f"expected cpu or cuda:N before =, got {device!r}")
    size = parse_bytes(written)
    if 0 < size < MIN_BUDGET_BYTES:
        raise ValueError(f"expected at least {MIN_BUDGET_BYTES} bytes, got {size}")
    if size > MAX_BUDGET_BYTES:
        raise ValueError(f"expected at most {format_bytes(MAX_BUDGET_BYTES)}, got {written!r}")
    return device, size


_BUDGETS = Texts(
    "SIZE", "0 or sizes from 1M, such as 12G, or of one device such as cpu=12G or cuda:0=20G", split_budget
)


class ModelResidencyOptions(BaseModel):
    """When a model is loaded, and when it leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    load: Annotated[
        str,
        Option(
            Choice(LOADING, "WHEN"),
            "when a model is loaded: at the start, to stay, or on demand, when a request needs it",
            Group.RESIDENCY,
        ),
    ] = "start"
    pin: Annotated[
        bool, Option(Switch(), "once loaded, keep it loaded, also while others need the memory", Group.RESIDENCY)
    ] = False
    idle_unload_s: Annotated[
        float,
        Option(
            Duration(0, 30 * DAY_S),
            "how long a model that was loaded on demand stays without requests; 0 is for ever",
            Group.RESIDENCY,
        ),
    ] = 15 * MINUTE_S
    max_workers: Annotated[
        int,
        Option(
            Whole(0, 256),
            "most workers of a model, with those that it gets on idle GPUs while its requests wait; "
            "0 is one on each GPU, 1 none besides its own",
            Group.RESIDENCY,
        ),
    ] = 0


class ServerResidencyOptions(BaseModel):
    """How models share the memory of the machine, and what their workers keep on disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_budget: Annotated[
        tuple[str, ...],
        Option(
            _BUDGETS,
            "memory that models may take together, of each device or of one; "
            "without it, what is free at the start, less a margin",
            Group.RESIDENCY,
        ),
    ] = ()
    swap_patience_s: Annotated[
        float,
        Option(
            Duration(0, HOUR_S),
            "how long requests wait for a model before one with running requests leaves for it, "
            "and how long those may go on then",
            Group.RESIDENCY,
        ),
    ] = 30.0
    extra_worker_wait_s: Annotated[
        float,
        Option(
            Duration(0, HOUR_S),
            "how long requests wait at least before their model gets another worker, on a GPU that nobody uses",
            Group.RESIDENCY,
        ),
    ] = 5.0
    extra_worker_idle_s: Annotated[
        float,
        Option(
            Duration(0, 30 * DAY_S),
            "how long a worker stays without requests that its model can do without",
            Group.RESIDENCY,
        ),
    ] = 2 * MINUTE_S
    cache_disk_bytes: Annotated[
        int,
        Option(
            Size(MEGABYTE, 1000 * TERABYTE, or_none=True),
            "disk space in which the text workers of all models keep ended chats and system prompts, "
            "also for later runs; 0 for none",
            Group.STATE,
            flag="--cache-disk",
        ),
    ] = 0
    cache_disk_folder: Annotated[
        str,
        Option(
            Text("FOLDER", "a path"),
            "where they are kept (default: prefixes in the state folder); it is for this server's user alone",
            Group.STATE,
        ),
    ] = ""
