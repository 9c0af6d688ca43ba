"""The order in which jobs are prepared."""

from __future__ import annotations

from workers.engine import Party
from workers.text.preparing_queue import Errand, PreparingQueue

HEAVY, LIGHT, BATCH = ("heavy", 1.0), ("light", 1.0), ("batch", 0.1)


def order(*errands: tuple[Party, str, float]) -> list[str]:
    """The names of errands in the order in which one thread does them, each taking its time."""
    queue = PreparingQueue[str]()
    took_s = {name: duration_s for _, name, duration_s in errands}
    for party, name, _ in errands:
        queue.add(Errand(name, party, lambda attempt: ""))
    done = []
    while (errand := queue.take()) is not None:
        done.append(errand.job_id)
        queue.finish(errand, took_s[errand.job_id])
    return done


def names(done: list[str]) -> list[str]:
    return [name.rstrip(" 0123456789") for name in done]


def test_a_users_only_job_is_prepared_before_the_second_of_another_user() -> None:
    done = order(*((HEAVY, f"heavy {number}", 1.0) for number in range(4)), (LIGHT, "light", 1.0))
    assert done == ["heavy 0", "light", "heavy 1", "heavy 2", "heavy 3"]


def test_users_take_turns_by_the_time_that_their_jobs_took() -> None:
    both = [((HEAVY, f"heavy {n}", 3.0), (LIGHT, f"light {n}", 1.0)) for n in range(3)]
    done = order(*(errand for pair in both for errand in pair))
    assert names(done) == ["heavy", "light", "light", "light", "heavy", "heavy"]


def test_batch_jobs_get_less_of_the_time() -> None:
    both = [((BATCH, f"batch {n}", 1.0), (LIGHT, f"light {n}", 1.0)) for n in range(3)]
    done = order(*(errand for pair in both for errand in pair))
    assert names(done) == ["batch", "light", "light", "light", "batch", "batch"]


def test_a_users_second_job_waits_for_its_first() -> None:
    queue = PreparingQueue[str]()
    for name in ("first", "second"):
        queue.add(Errand(name, HEAVY, lambda attempt: ""))
    first = queue.take()
    assert first is not None
    assert queue.take() is None
    queue.finish(first, 1.0)
    second = queue.take()
    assert second is not None
    assert second.job_id == "second"
