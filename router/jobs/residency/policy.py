"""Which models are loaded and which leave: a pure function of what is seen, the same for the same view.

A model with waiting jobs and no place gets one. If there is no room, it takes that of idle places at once, and that of
places in use when its users have waited past the patience: those are closed, finish what runs, and are unloaded. So two
models that exclude each other take turns about as long as the patience, and no user waits for ever. A place is never
counted as free before it is gone: what is unloaded in one call makes room for a load in a later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from router.jobs.residency.plan import (
    Action,
    Close,
    LoadModel,
    ModelView,
    PlaceView,
    Reopen,
    Residency,
    ResidencyRules,
    Stage,
    Unload,
    UnloadCause,
)
from router.jobs.residency.room import Room, computing_devices, keep_for_restarts
from router.jobs.residency.victims import Leavers, MakingRoom, Want, is_idle, unused_s

MAX_DOUBLINGS = 10
"""How often the time doubles in which a closed place may finish a job that has to begin anew each time."""

OVERDUE_PATIENCES = 3.0
"""Users who have waited for this many times the patience go first, whatever they have had of the device."""

_SPARE = "is not needed any more", UnloadCause.SPARE
_IDLE = "was idle", UnloadCause.IDLE


def decide(seen: Residency) -> list[Action]:
    """The loads, unloads, closings and reopenings that follow from what is seen. It may be asked at any time.

    Every load that it has asked for has to be among the places of the next view, and every place until its memory is
    free. Jobs that were handed back wait from then on, not from their arrival.
    """
    room = Room(seen.devices, seen.places)
    keep_for_restarts(room, seen.models, seen.places)
    leavers = Leavers(seen)
    first = first_places(seen)
    actions: list[Action] = []
    for want in first:
        actions += _satisfy(want, room, leavers, seen.rules)
    if sum(isinstance(action, LoadModel) for action in actions) == len(first):  # nobody waits for a first worker
        for want in _second_places(seen):
            actions += _satisfy(want, room, leavers, seen.rules)
    actions += _settle_closed(leavers)
    actions += _end_idle(leavers, seen.rules)
    return actions


def first_places(seen: Residency) -> list[Want]:
    """The models that have waiting jobs and no place, in the order of their turns.

    Those whose users have waited past the patience go before others, and far past it before all. Then the one with the
    least served user is first. What users waited while their model had a place does not count: else a model with a long
    queue would take the room back that it has just made for another.
    """
    patience_s = seen.rules.swap_patience_s
    taken = {place.model for place in seen.places}
    wanting = [
        model
        for model in seen.models
        if model.waiting and model.name not in taken and not model.floor and model.retry_in_s <= 0
    ]

    def turn(model: ModelView) -> tuple[bool, bool, float, float, str]:
        overdue = _waited_s(model) >= OVERDUE_PATIENCES * patience_s
        claim = 0.0 if overdue else model.claim
        return not overdue, _waited_s(model) < patience_s, claim, -_waited_s(model), model.name

    return [Want(model, ripe=_waited_s(model) >= patience_s) for model in sorted(wanting, key=turn)]


def _waited_s(model: ModelView) -> float:
    return min(model.oldest_wait_s, model.away_s)


def _second_places(seen: Residency) -> Iterator[Want]:
    """The models whose queue is longer than their workers can take, with the choices on devices that nobody uses."""
    for model in sorted(seen.models, key=lambda model: (model.claim, -model.oldest_wait_s, model.name)):
        places = [place for place in seen.places if place.model == model.name]
        settled = all(place.stage is Stage.READY for place in places)
        if not places or not settled or not model.floor <= len(places) < model.ceiling or model.retry_in_s > 0:
            continue
        if _is_crowded(model, len(places), seen.rules):
            taken = set[str]().union(*(computing_devices(place.memory) for place in _in_use(seen, model)))
            choices = tuple(choice for choice in model.choices if not computing_devices(choice) & taken)
            yield Want(replace(model, choices=choices), second=True)


def _is_crowded(model: ModelView, places: int, rules: ResidencyRules) -> bool:
    """Whether a model has more waiting jobs than its workers take at once, or its users have waited past the patience.

    A load that takes long has to be worth it.
    """
    wait_s = max(rules.extra_worker_wait_s, min(model.load_s, rules.swap_patience_s))
    many = model.waiting > model.slots * places or model.oldest_wait_s >= max(wait_s, rules.swap_patience_s)
    return bool(model.waiting) and many and model.oldest_wait_s >= wait_s


def _in_use(seen: Residency, model: ModelView) -> Iterator[PlaceView]:
    """The places on whose devices another worker of a model would be in the way: its own, and those that others use."""
    waited_for = {other.name for other in seen.models if other.waiting}
    for place in seen.places:
        used = place.running or place.stage is Stage.LOADING or place.idle_s < seen.rules.extra_worker_wait_s
        if place.model == model.name or used or place.model in waited_for:
            yield place


def _satisfy(want: Want, room: Room, leavers: Leavers, rules: ResidencyRules) -> list[Action]:
    """Load a model where it fits; else make room for it, as far as its turn has come."""
    for memory in want.model.choices:
        if room.fits_now(memory):
            room.take(memory)
            return [LoadModel(want.model.name, memory)]
    way = leavers.make_room(want, room)
    if way is None or not (way.possible_now or want.ripe):
        return []
    room.promise(way.memory, [victim.place for victim in way.victims])
    for victim in way.victims:
        leavers.take(victim.place)
    return _send_away(want, way, rules) if way.possible_now else []


def _send_away(want: Want, way: MakingRoom, rules: ResidencyRules) -> list[Action]:
    actions: list[Action] = []
    for victim in way.victims:
        place = victim.place
        closed = place.stage is Stage.CLOSED
        if place.running == 0 or (closed and want.ripe and place.stage_s >= _finish_s(place, rules)):
            actions.append(Unload(place.name, f"makes room for {want.model.name}"))
        elif not closed:
            actions.append(Close(place.name, want.model.name))
    return actions


def _finish_s(place: PlaceView, rules: ResidencyRules) -> float:
    """How long a closed place may finish what runs: the patience.

    It is longer for a job that would begin anew once more: doubled each time, so that it comes to its end some time.
    """
    if not place.lost_turns:
        return rules.swap_patience_s
    return max(rules.swap_patience_s, rules.min_stay_s) * 2.0 ** min(place.lost_turns, MAX_DOUBLINGS)


def _settle_closed(leavers: Leavers) -> Iterator[Action]:
    """Closed places that nobody needs take jobs again; those that an order has closed leave after their last job."""
    for place in leavers.left():
        if place.stage is not Stage.CLOSED:
            continue
        if place.closed_for:
            yield Reopen(place.name)
        elif place.running == 0:
            leavers.take(place)
            yield Unload(place.name, "was closed and has ended its jobs", UnloadCause.ORDER)


def _end_idle(leavers: Leavers, rules: ResidencyRules) -> Iterator[Action]:
    """Unload what was idle for its time, and sooner what its model can do without; the longest idle first."""
    for place in sorted(_idle(leavers), key=lambda place: (-unused_s(place), place.name)):
        model = leavers.models[place.model]
        limit_s = model.idle_unload_s if model.idle_unload_s > 0 else float("inf")
        spare = leavers.loaded_places_of(place.model) > max(model.floor, 1)
        if spare:
            limit_s = min(limit_s, rules.extra_worker_idle_s)
        if leavers.can_spare(place) > 0 and unused_s(place) >= limit_s:
            leavers.take(place)
            reason, cause = _SPARE if spare else _IDLE
            yield Unload(place.name, reason, cause)


def _idle(leavers: Leavers) -> Iterable[PlaceView]:
    return (
        place
        for place in leavers.left()
        if place.stage is Stage.READY
        and not place.fixed
        and place.model in leavers.models
        and is_idle(place, leavers.models[place.model])
    )
