from __future__ import annotations

from workers.text.cache.credits import GOING_ON, Credits, cost_of


def given_up(credits: Credits[str], count: int) -> list[str]:
    """The next ones that are given up."""
    gone = []
    for _ in range(count):
        gone.append(credits.least(credits))
        credits.forget(gone[-1])
    return gone


def test_what_costs_the_same_goes_in_the_order_of_its_last_use() -> None:
    credits = Credits[str](lambda _: 1)
    for key in "abc":
        credits.use(key)
    credits.use("a")
    assert given_up(credits, 2) == ["b", "c"]
    credits.use("d")
    assert given_up(credits, 2) == ["a", "d"]


def test_what_costs_more_stays_longer_but_not_for_ever() -> None:
    costs = {"long": 10.0}
    credits = Credits[str](lambda key: costs.get(key, 3))
    credits.use("long")
    gone = []
    for number in range(6):
        credits.use(str(number))
        gone += given_up(credits, 1)
    assert gone == ["0", "1", "2", "long", "3", "4"]


def test_one_that_was_given_up_in_part_is_the_next_one_again() -> None:
    costs = {"long": 10.0, "short": 12.0}
    credits = Credits[str](lambda key: costs[key])
    credits.use("long")
    credits.use("short")
    assert credits.least(credits) == "long"
    costs["long"] = 4.0
    credits.shrunk("long")
    assert given_up(credits, 2) == ["long", "short"]


def test_a_chat_that_goes_on_costs_more() -> None:
    assert cost_of(5, goes_on=True) == GOING_ON * cost_of(5, goes_on=False)
