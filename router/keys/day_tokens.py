"""How many tokens each key has used today, and which requests are refused for it."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Callable, Mapping

from router.http.request_record import RequestRecord
from router.jobs.refusals import RefusalReason, Refused
from router.keys.usage import Usage, UsageBucket

RETRY_HELD_S = 5
"""When to try again if tokens may be left, once the requests that run and wait have ended."""


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class DayTokens:
    """The tokens of this day, in UTC, of each key: those of the key file, and those of requests that are under way.

    A finished request counts at once, on the day on which it ends, whether or not it is written yet: ``wrote`` tells
    what has been. What others have written into the file is known from when it was last read (``found``). A request
    that is under way counts with what it has used, or with what it is expected to use if that is more.

    ``on_asked`` is called when a request is to be admitted.
    """

    def __init__(self, clock: Callable[[], datetime.datetime] = _now) -> None:
        self._clock = clock
        self._day = clock().date()
        self._own: Counter[str] = Counter()
        self._written: Counter[str] = Counter()
        self._others: dict[str, int] = {}
        self._held: dict[str, dict[str, Callable[[], int]]] = {}
        self.on_asked: Callable[[], None] = lambda: None

    @property
    def day(self) -> datetime.date:
        """Today. What was counted until yesterday is forgotten."""
        today = self._clock().date()
        if today != self._day:
            self._day = today
            self._own, self._written, self._others = Counter(), Counter(), {}
        return today

    def found(self, day: datetime.date, tokens: Mapping[str, int]) -> None:
        """Take what the key file had for ``day`` by key, when all that ``wrote`` has told was in it."""
        if day == self.day:
            self._others = {key: max(0, total - self._written[key]) for key, total in tokens.items()}

    def finished(self, bucket: UsageBucket, usage: Usage) -> None:
        """Count what a request has used."""
        if bucket.day == self.day:
            self._own[bucket.key] += usage.tokens

    def wrote(self, used: Mapping[UsageBucket, Usage]) -> None:
        """Note what is in the file from now on."""
        for bucket, usage in used.items():
            if bucket.day == self.day:
                self._written[bucket.key] += usage.tokens

    def used(self, key: str) -> int:
        """The tokens that the finished requests of a key have used today."""
        return self._own[key] + self._others.get(key, 0) if self.day else 0

    def held(self, key: str) -> int:
        """The tokens that the requests of a key which are under way have used, or are expected to use."""
        return sum(held() for held in self._held.get(key, {}).values())

    def left(self, key: str, limit: int) -> int:
        """The tokens that a key with this limit may still use today."""
        return max(0, limit - self.used(key) - self.held(key))

    def seconds_left(self) -> float:
        """The time until the next day."""
        midnight = datetime.datetime.combine(self.day, datetime.time.min, datetime.UTC) + datetime.timedelta(days=1)
        return (midnight - self._clock()).total_seconds()

    def admit(self, record: RequestRecord, held: Callable[[], int]) -> None:
        """Admit a request whose key has a limit, if there is any of it left; ``held`` says what it takes of it.

        It counts as under way until :meth:`ended`.

        Raises:
            Refused: nothing is left.
        """
        self.on_asked()
        key, limit = record.key_name, record.limits.tokens_per_day
        if limit is not None:
            self._check(limit, self.used(key), self.held(key))
        self._held.setdefault(key, {})[record.answer_id] = held

    def ended(self, record: RequestRecord) -> None:
        """Note that a request is no longer under way."""
        requests = self._held.get(record.key_name)
        if requests is not None:
            requests.pop(record.answer_id, None)
            if not requests:
                del self._held[record.key_name]

    def _check(self, limit: int, used: int, held: int) -> None:
        expected = f"tokens_per_day: expected at most {limit} tokens of your key in a day (UTC), got {used}"
        if used >= limit:
            left_s = max(1, math.ceil(self.seconds_left()))
            message = f"{expected}; more in {_in_words(left_s)}"
            raise Refused(RefusalReason.TOKENS_PER_DAY, message, retry_after_s=left_s)
        if used + held >= limit:
            under_way = f"{expected}, and {held} are used by or kept for your requests that run and wait"
            message = f"{under_way}; try again in about {RETRY_HELD_S} s"
            raise Refused(RefusalReason.TOKENS_PER_DAY, message, retry_after_s=RETRY_HELD_S)


def _in_words(seconds: int) -> str:
    """A time as people say it: ``3 h 12 min``, ``12 min`` or ``40 s``."""
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
