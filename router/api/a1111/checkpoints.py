"""Which model requests of Automatic1111's clients mean: these call it a checkpoint.

There, the checkpoint is a setting of the whole server. Here, each user has one, so that nobody's choice changes the
pictures of others; it lasts until the router ends.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Annotated

from fastapi import Depends, Request

from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.jobs.refusals import Refused
from shared.kinds import JobKind
from shared.settings import ModelSettings

MAX_USERS = 10_000
"""Users whose choice is kept; those that have not used it for longest lose it first."""

_HASH = re.compile(r"\s*\[[0-9a-fA-F]{6,64}\]$")
_SUFFIX = re.compile(r"\.(?:safetensors|ckpt|gguf|sft|pth?)$", re.IGNORECASE)


class ChosenCheckpoints:
    """The names of the models that users have chosen."""

    def __init__(self) -> None:
        self._chosen: OrderedDict[str, str] = OrderedDict()

    def choose(self, user: str, model: str) -> None:
        """Note that a user wants this model from now on."""
        self._chosen[user] = model
        self._chosen.move_to_end(user)
        if len(self._chosen) > MAX_USERS:
            self._chosen.popitem(last=False)

    def of(self, user: str) -> str | None:
        """The model that a user has chosen, None without a choice."""
        if user in self._chosen:
            self._chosen.move_to_end(user)
        return self._chosen.get(user)


async def chosen_of(request: Request) -> ChosenCheckpoints:
    """The application's record of choices."""
    chosen: ChosenCheckpoints = request.app.state.chosen_checkpoints
    return chosen


ChosenDep = Annotated[ChosenCheckpoints, Depends(chosen_of)]


def find_checkpoint(broker: Broker, record: RequestRecord, name: str | None) -> ModelSettings:
    """The served image model that ``name`` means, which may have a hash and a suffix: ``sd1-5.safetensors [6ce01613]``.

    Raises:
        Refused: there is none, or the user may not use it.
    """
    refusal: Refused | None = None
    plain = _HASH.sub("", name or "")
    for candidate in dict.fromkeys((name or None, plain or None, _SUFFIX.sub("", plain) or None)):
        try:
            return broker.find_model(candidate, JobKind.IMAGE, record.limits)
        except Refused as refused:
            refusal = refusal or refused
    assert refusal is not None
    raise refusal


def current_checkpoint(broker: Broker, record: RequestRecord, chosen: ChosenCheckpoints) -> ModelSettings | None:
    """The image model that the user gets without naming one; None if there is none."""
    for name in dict.fromkeys((chosen.of(record.user), None)):
        try:
            return broker.find_model(name, JobKind.IMAGE, record.limits)
        except Refused:
            continue
    return None
