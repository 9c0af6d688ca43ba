"""Which places leave so that a model gets room: the cheapest that are enough.

Places leave in this order: those that are idle, those that were closed before and finish their jobs, those with jobs
whose model has other places, and those with jobs. Within one of these, the place with the lowest *regret* for each byte
goes first. The regret of a place is ``load_s / (1 + unused_s)``: what it costs to load its model again, times how soon
that is likely (a model that was last used ``t`` seconds ago is wanted again in about as long).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory, ModelView, PlaceView, Residency, ResidencyRules, Stage
from router.jobs.residency.room import Room

GRACE_S = 2.0
"""An idle place is kept for at most this long after its last job while others wait: its user may send the next one at
once. For models that load fast it is kept shorter: waiting would cost more than the swap that it may save. A model that
had no job since it was loaded, as by an order, is kept so even from those who have waited past the patience."""

LONG_IDLE_S = 60.0
"""What was unused for this long leaves for another model's second worker."""


class Standing(IntEnum):
    """How readily a place leaves."""

    IDLE = 0
    CLOSED = 1
    SPARE = 2  # it has jobs, and its model has other places
    BUSY = 3
    LOADING = 4


@dataclass(frozen=True, slots=True)
class Want:
    """A model that wants a place. ``ripe``: its users have waited past the patience. ``second``: it has places."""

    model: ModelView
    ripe: bool = False
    second: bool = False


@dataclass(frozen=True, slots=True)
class Victim:
    """A place that could leave for a want. ``may_leave``: now, by the rules."""

    place: PlaceView
    standing: Standing
    may_leave: bool
    regret: float


@dataclass(frozen=True, slots=True)
class MakingRoom:
    """A model's choice of memory, and the places that have to leave for it; none if it waits for some that leave."""

    memory: Memory
    victims: tuple[Victim, ...]

    @property
    def possible_now(self) -> bool:
        return all(victim.may_leave for victim in self.victims)

    @property
    def cost(self) -> tuple[bool, int, float]:
        disturbed = sum(victim.place.running > 0 for victim in self.victims)
        return not self.possible_now, disturbed, sum(victim.regret for victim in self.victims)


class Leavers:
    """The places that may leave for others: no pinned one, none that its model always has, and each only once."""

    def __init__(self, seen: Residency) -> None:
        self.models: Mapping[str, ModelView] = {model.name: model for model in seen.models}
        self._rules: ResidencyRules = seen.rules
        self._places = {place.name: place for place in seen.places if place.stage is not Stage.LEAVING}
        self._staying = [_kind(place) for place in self._places.values()]

    def can_spare(self, place: PlaceView) -> int:
        """How many places like this one may still leave its model: one that loads is no substitute for a loaded one."""
        view = self.models.get(place.model)
        keeps = max(view.floor, int(view.pinned)) if view else 0
        loading = self._staying.count((place.model, True)) if place.stage is Stage.LOADING else 0
        return self.loaded_places_of(place.model) + loading - keeps

    def loaded_places_of(self, model: str) -> int:
        """How many of a model's places are loaded and stay, as far as is decided."""
        return self._staying.count((model, False))

    def left(self) -> list[PlaceView]:
        """The places of which nothing has been decided."""
        return list(self._places.values())

    def take(self, place: PlaceView) -> None:
        """This place is to leave, for one reason only."""
        del self._places[place.name]
        self._staying.remove(_kind(place))

    def make_room(self, want: Want, room: Room) -> MakingRoom | None:
        """The cheapest way to get room for a model, or None if there is none even with patience."""
        ways = []
        for memory in want.model.choices:
            victims = self._victims(want, memory, room) if room.can_hold(memory) else None
            if victims is not None:
                ways.append(MakingRoom(memory, victims))
        return min(ways, key=lambda way: way.cost, default=None)

    def _victims(self, want: Want, memory: Memory, room: Room) -> tuple[Victim, ...] | None:
        lacking = room.lacks(memory)
        chosen: list[Victim] = []
        models: list[str] = []
        for victim in self._candidates(want, lacking):
            place = victim.place
            if not lacking:
                break
            if models.count(place.model) >= self.can_spare(place) or not _frees(place, lacking):
                continue
            chosen.append(victim)
            models.append(place.model)
            lacking = room.lacks(memory, [one.place for one in chosen])
        if lacking:
            return None
        for victim in reversed(chosen):  # the first may have become needless through a larger one
            others = [one for one in chosen if one is not victim]
            if not room.lacks(memory, [one.place for one in others]):
                chosen = others
        return tuple(chosen)

    def _candidates(self, want: Want, lacking: Mapping[str, int]) -> list[Victim]:
        candidates = [
            self._as_victim(place, want)
            for place in self._places.values()
            if place.model != want.model.name and not place.fixed and _frees(place, lacking)
        ]
        if want.second:
            candidates = [
                one for one in candidates if one.standing is Standing.IDLE and unused_s(one.place) >= LONG_IDLE_S
            ]

        def reluctance(victim: Victim) -> tuple[bool, Standing, float, str]:
            freed = _frees(victim.place, lacking)
            return not victim.may_leave, victim.standing, victim.regret / freed, victim.place.name

        return sorted(candidates, key=reluctance)

    def _as_victim(self, place: PlaceView, want: Want) -> Victim:
        model = self.models.get(place.model) or ModelView(place.model, ())
        standing = self._standing(place, model)
        since_s = unused_s(place) if standing is Standing.IDLE else place.stage_s
        regret = model.load_s / (1 + since_s)
        return Victim(place, standing, self._may_leave(place, standing, model, want), regret)

    def _standing(self, place: PlaceView, model: ModelView) -> Standing:
        if place.stage is Stage.LOADING:
            return Standing.LOADING
        if is_idle(place, model):
            return Standing.IDLE
        if place.stage is Stage.CLOSED:
            return Standing.CLOSED
        return Standing.SPARE if self.loaded_places_of(place.model) > 1 else Standing.BUSY

    def _may_leave(self, place: PlaceView, standing: Standing, model: ModelView, want: Want) -> bool:
        match standing:
            case Standing.IDLE:
                grace_s = min(GRACE_S, model.load_s + want.model.load_s)
                return (want.ripe and place.was_used) or place.stage is Stage.CLOSED or unused_s(place) >= grace_s
            case Standing.CLOSED:
                return True
            case Standing.SPARE:  # its users have another worker, those who wait have none
                return place.stage_s >= stay_s(model, self._rules)
            case Standing.BUSY:
                return want.ripe and place.stage_s >= stay_s(model, self._rules)
            case Standing.LOADING:
                return False


def _kind(place: PlaceView) -> tuple[str, bool]:
    return place.model, place.stage is Stage.LOADING


def is_idle(place: PlaceView, model: ModelView) -> bool:
    """Whether a loaded place has no jobs and gets none soon. A closed one gets none at all."""
    loaded = place.stage in (Stage.READY, Stage.CLOSED)
    return loaded and place.running == 0 and (model.waiting == 0 or place.stage is Stage.CLOSED)


def unused_s(place: PlaceView) -> float:
    """The time since a place's last job; since it is ready, if it had none since then."""
    return min(place.idle_s, place.stage_s) if place.stage is Stage.READY else place.idle_s


def stay_s(model: ModelView, rules: ResidencyRules) -> float:
    """For how long a model stays once it is loaded, while it has work: about as long as its load took, within patience.

    Otherwise a slow load would be followed by a short stay, and most of the device's time would go into loads.
    """
    return max(rules.min_stay_s, min(model.load_s, rules.swap_patience_s))


def _frees(place: PlaceView, lacking: Mapping[str, int]) -> int:
    return sum(size for device, size in place.memory.items() if device in lacking)


def victim_of_shortage(
    places: Iterable[PlaceView], may_leave: Collection[str], needs: ModelNeeds | None
) -> PlaceView | None:
    """The place that makes room for another attempt: the longest idle one of a model that may leave.

    One on the device that the load needs most goes before others. None if there is none without running jobs.
    """
    device = max(needs.choices[0][0].items(), key=lambda item: item[1])[0] if needs and needs.choices else ""
    idle = [place for place in places if place.model in may_leave and place.stage is Stage.READY and not place.running]
    return max(idle, key=lambda place: (place.memory.get(device, 0) > 0, place.idle_s, place.name), default=None)
