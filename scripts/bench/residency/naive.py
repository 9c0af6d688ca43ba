"""Policies to compare with. Neither looks at memory, at how long anybody waited or at who was served."""

from __future__ import annotations

from collections.abc import Callable

from router.jobs.residency.plan import Action, Close, LoadModel, PlaceView, Residency, Stage, Unload


def by_count(count: int) -> Callable[[Residency], list[Action]]:
    """At most ``count`` models are loaded. The model of the oldest request replaces the least recently used one.

    That one ends the requests that it has and takes no more. With ``count`` 1 each request for another model swaps.
    """

    def decide(seen: Residency) -> list[Action]:
        closed = [place for place in seen.places if place.stage is Stage.CLOSED]
        actions: list[Action] = [Unload(place.name, "replaced") for place in closed if not place.running]
        here = {place.model for place in seen.places}
        wanting = [model for model in seen.models if model.waiting and model.name not in here]
        if not wanting or closed or any(place.stage is Stage.LEAVING for place in seen.places):
            return actions
        wanted = max(wanting, key=lambda model: (model.oldest_wait_s, model.name))
        if len(seen.places) < count:
            return [LoadModel(wanted.name, wanted.choices[0])]
        ready = [place for place in seen.places if place.stage is Stage.READY]
        used = [place for place in ready if place.running or place.idle_s < place.stage_s]  # a new one serves first
        if used:
            actions.append(Close(max(used, key=_least_recently_used).name, wanted.name))
        return actions

    return decide


def _least_recently_used(place: PlaceView) -> tuple[float, float, str]:
    return place.idle_s, place.stage_s, place.name
