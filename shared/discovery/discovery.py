"""Looks for all models that are on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from shared.discovery.catalog_names import find_entry, path_in
from shared.discovery.found import FoundModel, FoundModels, ModelPlace, Unservable
from shared.discovery.hub_cache import hub_sightings
from shared.discovery.naming import NameKeeper, clean_name
from shared.discovery.ollama import OllamaStore
from shared.discovery.other_programs import ForeignFolders
from shared.discovery.own_models import join_packages, packaged_sightings, stored_sightings
from shared.discovery.recogniser import Recogniser
from shared.discovery.sightings import ModelForm, Sighting, sightings_in
from shared.discovery.walking import Problem, walk
from shared.engines.registry import model_suffixes
from shared.hub.store import ModelStore
from shared.logs.escaping import escaped
from shared.models.catalog import CatalogEntry
from shared.models.names import find_quant, split_mark
from shared.models.resolution import ResolvedModel

SETTLE_S = 2.0
"""A file in a folder that was written so short a time ago may still be written to."""

MAX_MODELS = 1_000
MAX_UNSERVABLE = 1_000
"""How many of each are found: a folder may hold anything."""


@dataclass(frozen=True, slots=True)
class WhereToLook:
    """``folders`` are those of the operator. ``own`` are models of this program, ``foreign`` those of others.

    With ``join``, models that installed packages have in parts are first joined in the store.
    """

    folders: tuple[Path, ...] = ()
    own: bool = True
    foreign: bool = True
    join: bool = False


class Discovery:
    """Looks for models as often as it is asked, and reads only what has changed. For one thread at a time.

    Args:
        where: what to look through.
        store: this program's models.
        others: folders of other programs.
        given: names that models have from earlier, by path.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        where: WhereToLook,
        store: ModelStore | None = None,
        others: ForeignFolders | None = None,
        given: Mapping[Path, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._where = where
        self._store = store or ModelStore()
        self._others = others or ForeignFolders.of_this_user()
        self._ollama = [OllamaStore(root) for root in self._others.ollama]
        self._clock = clock
        self._recogniser = Recogniser()
        self._names = NameKeeper(given)
        self._offered: dict[Path, int] = {}

    def scan(self, taken: Collection[str] = (), served: Iterable[Path] = ()) -> FoundModels:
        """All models that are here now.

        Args:
            taken: names that other models have.
            served: files of models that are served already; these are left out.
        """
        look = _Look(taken, served)
        for sighting in self._sightings(look):
            if sighting.missing:
                look.refuse(sighting.path, sighting.place, sighting.missing)
            elif self._is_unfinished(sighting):
                look.unfinished.append(sighting.path)
            elif not look.is_known(sighting):
                recognised = self._recogniser.recognise(sighting)
                if recognised.model is not None:
                    look.add(sighting, recognised.model)
                elif recognised.reason:
                    look.refuse(sighting.path, sighting.place, recognised.reason)
        self._recogniser.forget_unused()
        self._offered = look.offered
        return FoundModels(
            tuple(self._names.name(look.models, taken)), tuple(look.unservable), tuple(sorted(set(look.unfinished)))
        )

    def _sightings(self, look: _Look) -> Iterator[Sighting]:
        """All that looks like a model, preferred places first; in a place, older files first."""
        where = self._where
        if where.own:
            if where.join:
                join_packages(self._store, look.problem(ModelPlace.NEXA))
            yield from _ordered(stored_sightings(self._store, look.problem(ModelPlace.NEXA)))
            yield from _ordered(packaged_sightings())
        for folder in where.folders:
            yield from _ordered(_in_tree(folder, ModelPlace.FOLDER, look))
        if where.foreign:
            for store in self._ollama:
                yield from _ordered(store.sightings(look.problem(ModelPlace.OLLAMA)))
            for folder in self._others.lm_studio:
                yield from _ordered(map(_with_repo(folder), _in_tree(folder, ModelPlace.LM_STUDIO, look)))
            caches = self._others.hub_caches
            problem, now_s = look.problem(ModelPlace.HUB_CACHE), self._clock()
            yield from _ordered(chain.from_iterable(hub_sightings(cache, problem, now_s) for cache in caches))

    def _is_unfinished(self, sighting: Sighting) -> bool:
        """Whether a model may still be written to. One that was offered before stays, unless its size has changed."""
        if sighting.is_partial:
            return True
        if sighting.place not in (ModelPlace.FOLDER, ModelPlace.LM_STUDIO):
            return False  # there, files get their names when they are whole
        age_s = self._clock() - sighting.modified_ns / 1e9
        return 0 <= age_s < SETTLE_S and self._offered.get(sighting.path) != sighting.size_bytes


class _Look:
    """What one look finds."""

    def __init__(self, taken: Collection[str], served: Iterable[Path]) -> None:
        self.models: list[FoundModel] = []
        self.unservable: list[Unservable] = []
        self.unfinished: list[Path] = []
        self.offered: dict[Path, int] = {}
        self._taken = taken
        self._by_file: dict[tuple[int, int], int | None] = {}
        self._entries: set[str] = set()
        for path in served:
            identity = _identity(path)
            if identity is not None:
                self._by_file[identity] = None

    def problem(self, place: ModelPlace) -> Problem:
        return lambda path, reason: self.refuse(path, place, reason)

    def refuse(self, path: Path, place: ModelPlace, reason: str) -> None:
        if len(self.unservable) < MAX_UNSERVABLE:
            self.unservable.append(Unservable(path, place, escaped(reason)))

    def is_known(self, sighting: Sighting) -> bool:
        """Whether a sighting need not be read: there are too many, or it is a further name of a model's only file."""
        if len(self.models) >= MAX_MODELS:
            self.refuse(sighting.path, sighting.place, f"expected at most {MAX_MODELS:,} models, got more")
            return True
        return (
            bool(sighting.files)
            and sighting.form is ModelForm.GGUF
            and self._seen(sighting.files[0].identity, sighting)
        )

    def add(self, sighting: Sighting, model: ResolvedModel) -> None:
        identity = _identity(model.path)
        if identity is None or self._seen(identity, sighting, model.name):
            return
        entry = sighting.entry or _entry_of(sighting, model)
        name = clean_name(split_mark(entry.name if entry else sighting.name or model.name)[1])
        if entry is not None and (entry.name in self._entries or name in self._taken):
            self._by_file[identity] = None  # the same model, fetched twice
            return
        if entry is not None:
            self._entries.add(entry.name)
        self._by_file[identity] = len(self.models)
        self.offered[sighting.path] = sighting.size_bytes
        self.models.append(_found(sighting, model, entry, name))

    def _seen(self, identity: tuple[int, int], sighting: Sighting, name: str = "") -> bool:
        """Whether a file belongs to a model that is found already. Its name there is then a further one."""
        if identity not in self._by_file:
            return False
        number = self._by_file[identity]
        alias = clean_name(sighting.name or name or sighting.path.stem)
        if number is not None and alias not in (self.models[number].name, *self.models[number].aliases):
            first = self.models[number]
            self.models[number] = replace(first, aliases=(*first.aliases, alias))
        return True


def _found(sighting: Sighting, model: ResolvedModel, entry: CatalogEntry | None, name: str) -> FoundModel:
    own = clean_name(sighting.name)
    has_other_name = bool(sighting.name) and entry is not None and sighting.entry is None and own != name
    return FoundModel(
        name=name,
        kinds=entry.kinds if entry else model.kinds,
        engine=model.engine,
        path=model.path,
        source=sighting.place,
        size_bytes=sighting.size_bytes,
        modified_s=sighting.modified_ns / 1e9,
        aliases=(own,) if has_other_name else (),
        licence=sighting.licence or (entry.licence if entry else ""),
        known_as=_known_as(sighting),
        projector=model.projector,
    )


def _known_as(sighting: Sighting) -> tuple[str, ...]:
    """Its repository, with the quantization of a file, as in ``owner/repo:Q4_K_M``; in LM Studio also OWNER/FILE."""
    if not sighting.repo:
        return ()
    is_file = sighting.path.suffix.lower() in model_suffixes()
    quant = find_quant(sighting.path.name) if is_file else ""
    names = [f"{sighting.repo}:{quant}" if quant else sighting.repo]
    if is_file and sighting.place is ModelPlace.LM_STUDIO:
        names.append(f"{sighting.repo.partition('/')[0]}/{sighting.path.stem}")
    return tuple(map(clean_name, names))


def _entry_of(sighting: Sighting, model: ResolvedModel) -> CatalogEntry | None:
    return find_entry(sighting.repo, path_in(sighting.root, model.path), model.engine, sighting.sha256)


def _in_tree(root: Path, place: ModelPlace, look: _Look) -> Iterator[Sighting]:
    if place is ModelPlace.FOLDER or root.is_dir():
        for folder in walk(root, look.problem(place)):
            yield from sightings_in(folder, place)


def _with_repo(root: Path) -> Callable[[Sighting], Sighting]:
    """Says of a model in LM Studio's folders, which lie as OWNER/NAME/FILE, from which repository it is."""

    def name(sighting: Sighting) -> Sighting:
        parts = sighting.path.relative_to(root).parts
        if len(parts) < 2:
            return sighting
        return replace(sighting, repo="/".join(parts[:2]), root=root.joinpath(*parts[:2]))

    return name


def _ordered(sightings: Iterable[Sighting]) -> Sequence[Sighting]:
    return sorted(sightings, key=lambda sighting: (sighting.modified_ns, os.fsencode(sighting.path), sighting.name))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
