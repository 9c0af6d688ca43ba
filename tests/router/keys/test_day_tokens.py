"""The tokens of a day: what is counted, when nothing is left, and until when."""

from __future__ import annotations

import datetime

import pytest

from router.http.request_record import RequestRecord
from router.jobs.limits import UserLimits
from router.jobs.refusals import RefusalReason, Refused
from router.keys.day_tokens import DayTokens
from router.keys.usage import Usage, UsageBucket

DAY = datetime.date(2026, 1, 31)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, hour: int, minute: int, second: int) -> None:
        self.now = datetime.datetime(2026, 1, 31, hour, minute, second, tzinfo=datetime.UTC)

    def __call__(self) -> datetime.datetime:
        return self.now


def record(key: str = "anna", limit: int | None = 100) -> RequestRecord:
    return RequestRecord(key_name=key, limits=UserLimits(tokens_per_day=limit))


def use(tokens: DayTokens, prompt: int, completion: int = 0, key: str = "anna", model: str = "m") -> None:
    bucket = UsageBucket(tokens.day, key, model)
    tokens.finished(bucket, Usage(1, prompt, 0, completion))


def refusal(tokens: DayTokens, limit: int = 100) -> Refused:
    with pytest.raises(Refused) as refused:
        tokens.admit(record(limit=limit), lambda: 0)
    assert refused.value.reason is RefusalReason.TOKENS_PER_DAY
    return refused.value


def test_prompts_and_answers_count_cached_or_not_of_all_models() -> None:
    tokens = DayTokens()
    tokens.finished(UsageBucket(tokens.day, "anna", "m"), Usage(1, 10, 8, 5))
    tokens.finished(UsageBucket(tokens.day, "anna", "n"), Usage(1, 20, 0, 0, images=4, audio_s=60.0))
    use(tokens, 1000, key="ben")
    assert (tokens.used("anna"), tokens.left("anna", 100), tokens.left("anna", 30)) == (35, 65, 0)


def test_a_key_is_refused_once_its_tokens_are_used_and_told_the_time() -> None:
    clock = Clock(20, 47, 59)
    tokens = DayTokens(clock)
    use(tokens, 90, 9)
    tokens.admit(record(), lambda: 0)
    use(tokens, 50)
    refused = refusal(tokens)
    expected = "tokens_per_day: expected at most 100 tokens of your key in a day (UTC), got 149; more in 3 h 13 min"
    assert str(refused) == expected
    assert refused.retry_after_s == 3 * 3600 + 12 * 60 + 1


@pytest.mark.parametrize(
    ("time", "words"),
    [((0, 0, 0), "24 h 0 min"), ((23, 1, 0), "59 min"), ((23, 59, 1), "59 s"), ((23, 59, 59), "1 s")],
    ids=["midnight", "hour", "minute", "second"],
)
def test_the_time_is_said_as_people_say_it(time: tuple[int, int, int], words: str) -> None:
    tokens = DayTokens(Clock(*time))
    use(tokens, 100)
    assert str(refusal(tokens)).endswith(f"; more in {words}")


def test_the_next_day_begins_with_all_tokens() -> None:
    clock = Clock(23, 59, 59)
    tokens = DayTokens(clock)
    tokens.found(DAY, {"anna": 60})
    use(tokens, 60)
    refusal(tokens)
    clock.now += datetime.timedelta(seconds=1)
    tokens.admit(record(), lambda: 0)
    assert tokens.used("anna") == 0


def test_what_belongs_to_another_day_does_not_count() -> None:
    clock = Clock(0, 0, 1)
    tokens = DayTokens(clock)
    yesterday = DAY - datetime.timedelta(days=1)
    tokens.found(yesterday, {"anna": 60})
    tokens.finished(UsageBucket(yesterday, "anna", "m"), Usage(1, 50))
    assert tokens.used("anna") == 0
    tokens.wrote({UsageBucket(yesterday, "anna", "m"): Usage(1, 50)})
    tokens.found(DAY, {"anna": 7})
    assert tokens.used("anna") == 7


def test_the_file_counts_with_what_is_not_written_yet() -> None:
    tokens = DayTokens()
    bucket = UsageBucket(tokens.day, "anna", "m")
    tokens.found(tokens.day, {"anna": 40})
    use(tokens, 10)
    assert tokens.used("anna") == 50
    tokens.wrote({bucket: Usage(1, 10)})
    assert tokens.used("anna") == 50
    tokens.found(tokens.day, {"anna": 55})  # another server has written 5
    assert tokens.used("anna") == 55


def test_a_file_that_was_replaced_takes_nothing_away_from_what_this_server_knows() -> None:
    tokens = DayTokens()
    use(tokens, 30)
    tokens.wrote({UsageBucket(tokens.day, "anna", "m"): Usage(1, 30)})
    tokens.found(tokens.day, {"anna": 0})
    assert tokens.used("anna") == 30


def test_requests_under_way_count_with_what_they_take() -> None:
    tokens = DayTokens()
    held = [60]
    first = record()
    tokens.admit(first, lambda: held[0])
    tokens.admit(record(), lambda: 30)
    tokens.admit(record("ben"), lambda: 1000)
    assert tokens.left("anna", 100) == 10
    held[0] = 75
    refused = refusal(tokens)
    assert "got 0, and 105 are used by or kept for your requests that run and wait; try again" in str(refused)
    assert refused.retry_after_s == 5
    tokens.ended(first)
    tokens.admit(record(), lambda: 0)


def test_a_request_that_is_refused_holds_nothing() -> None:
    tokens = DayTokens()
    use(tokens, 100)
    refusal(tokens)
    tokens.ended(record())
    assert tokens.held("anna") == 0
