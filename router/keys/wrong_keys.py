"""Slows those who try keys: the answer to a wrong key comes late once an address has sent many."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from router.schemas.errors import ApiError

MAX_WRONG_KEYS = 10
WITHIN_S = 60.0
"""An address may send ``MAX_WRONG_KEYS`` in this time."""
DELAY_S = 1.0
MAX_DELAYED = 256
"""Answers that wait at once; further ones do not."""
MAX_ADDRESSES = 4096


class WrongKeys:
    """Counts wrong keys by network. Right keys are never slowed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sent_at_s: OrderedDict[str, deque[float]] = OrderedDict()
        self._delayed = 0

    async def refuse(self, network: str, refusal: ApiError) -> ApiError:
        """The answer to a wrong key: ``refusal``, or late a 429 if there were too many from this network."""
        now_s = self._clock()
        sent_at_s = self._sent_at_s.setdefault(network, deque(maxlen=MAX_WRONG_KEYS))
        self._sent_at_s.move_to_end(network)
        if len(self._sent_at_s) > MAX_ADDRESSES:
            self._sent_at_s.popitem(last=False)
        too_many = len(sent_at_s) == MAX_WRONG_KEYS and now_s - sent_at_s[0] < WITHIN_S
        sent_at_s.append(now_s)
        if not too_many:
            return refusal
        if self._delayed < MAX_DELAYED:
            self._delayed += 1
            try:
                await asyncio.sleep(DELAY_S)
            finally:
                self._delayed -= 1
        message = (
            f"Authorization: expected at most {MAX_WRONG_KEYS} wrong keys per {WITHIN_S:g} s from one address, got more"
        )
        headers = {"Retry-After": f"{WITHIN_S:g}"}
        return ApiError(429, message, code="too_many_wrong_keys", headers=headers)
