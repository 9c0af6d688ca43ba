"""From what is found on the machine to models that are served, with their options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from shared.discovery.discovery import Discovery, WhereToLook
from shared.discovery.found import FoundModel, FoundModels, Unservable
from shared.discovery.pictures import found_image_options
from shared.engines.diffusion.spec import DIFFUSION
from shared.engines.embedding import as_asked
from shared.engines.onnx.embedding import ONNX_EMBEDDING, check_pooling
from shared.engines.registry import opens_onnx
from shared.errors import ModelError
from shared.hub.store import ModelStore
from shared.models.adapter_files import check_adapters
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.drafts import DRAFTING_ENGINE, draft_path
from shared.models.names import marked, name_key, split_mark
from shared.models.projectors.choice import projector_to_use
from shared.models.resolution import ResolvedModel
from shared.models.source import HubSource
from shared.settings import ModelSettings, ServerSettings
from shared.settings.model import SingleModelOptions


class FetchedModels:
    """Finds draft models among those that are here: what is discovered fetches nothing."""

    def ensure(self, model: CatalogEntry | HubSource) -> ResolvedModel:
        """The installed model.

        Raises:
            ModelError: it was not fetched yet.
        """
        found = ModelStore().find(model)
        if found is None:
            raise ModelError(f"expected a model that was fetched, got {model}")
        return found.resolve()


class DiscoveredModels:
    """The models that a server finds beside those that are named. For one thread at a time: it reads files.

    ``settings.models`` with a ``source`` are those of an earlier look: they keep their names and further names.
    """

    def __init__(self, settings: ServerSettings, discovery: Discovery | None = None) -> None:
        self._settings = settings
        self._named = [model for model in settings.models if not model.source]
        earlier = {Path(model.path): model for model in settings.models if model.source}
        self._aliases = {path: model.aliases for path, model in earlier.items()}
        given = {path: model.name for path, model in earlier.items()}
        self._discovery = discovery or Discovery(_where(settings), given=given)
        self._known: dict[FoundModel, ModelSettings | Unservable] = {}
        self.found = FoundModels(())

    def refresh(self) -> tuple[ModelSettings, ...]:
        """All models that are here now and are not named; nothing is read again unless it has changed.

        A model that is gone is left out. One that stays has the same name as before. ``found`` says more of them, and
        what cannot be served.
        """
        found = self._discovery.scan(self._taken(), [Path(model.path) for model in self._named if model.path])
        self._known = {model: self._kept(model) or self._served(model) for model in found.models}
        served = [model for model in self._known.values() if isinstance(model, ModelSettings)]
        refused = [model for model in self._known.values() if isinstance(model, Unservable)]
        self.found = FoundModels(
            tuple(model for model, known in self._known.items() if isinstance(known, ModelSettings)),
            (*found.unservable, *refused),
            found.unfinished,
        )
        return tuple(served)

    def _taken(self) -> set[str]:
        """Names that no found model may get: those of named models, and aliases that the user gave."""
        taken = {name for model in self._named for name in (model.name, *model.aliases)}
        return taken | {alias for options in self._settings.table_options.values() for alias in options.aliases}

    def _kept(self, model: FoundModel) -> ModelSettings | Unservable | None:
        """What is known of a model. An image model that lacks parts is looked at again: they may be there now."""
        known = self._known.get(model)
        return None if isinstance(known, Unservable) and model.engine == DIFFUSION.name else known

    def _served(self, model: FoundModel) -> ModelSettings | Unservable:
        options = options_for(model, self._settings)
        try:
            engine, kinds = model.engine, model.kinds
            if engine == ONNX_EMBEDDING.name:
                check_pooling(model.path, kinds, options.pooling)
            engine, kinds = as_asked(engine, kinds, model.path, options.pooling, options.embeddings)
            check_adapters(options.adapters, engine, kinds, model.path)
            drafts = options.draft and engine == DRAFTING_ENGINE
            draft = draft_path(options.draft, FetchedModels()) if drafts else ""
            projector = projector_to_use(options.mmproj, engine, kinds, model.projector, model.path)
            is_image = engine == DIFFUSION.name
            common = self._settings.found_options
            pictures = found_image_options(model, options, common, ModelStore()) if is_image else {}
        except ModelError as error:
            return Unservable(model.path, model.source, str(error))
        except OSError as error:
            return Unservable(model.path, model.source, f"cannot be read: {error.strerror or error}")
        others = self._aliases.get(model.path, ())
        aliases = tuple(dict.fromkeys((*options.aliases, *model.aliases, *others)))
        return ModelSettings(
            **dict(options) | {"aliases": aliases, "draft": draft, "mmproj": str(projector.path or ""), **pictures},
            name=model.name,
            kinds=kinds,
            engine=engine,
            path=str(model.path),
            source=model.source.value,
            known_as=model.known_as,
            media=projector.media,
        )


def options_for(model: FoundModel, settings: ServerSettings) -> SingleModelOptions:
    """The options of a found model: those of its table, else those of all models."""
    name = next((name for name in settings.table_options if names_model(name, model)), None)
    return settings.found_options if name is None else settings.table_options[name]


def names_model(name: str, model: FoundModel) -> bool:
    """Whether a user means this model: by its name, an alias, its path, or a name that it has in the catalog."""
    if name in (model.name, *model.aliases, *model.known_as) or name == str(model.path):
        return True
    onnx, unmarked = split_mark(name)
    is_onnx = opens_onnx(model.engine)
    if onnx and not is_onnx:
        return False
    if name_key(unmarked) == name_key(model.name):
        return True
    entry = load_catalog().named(marked(unmarked, is_onnx))
    return entry is not None and entry is load_catalog().named(marked(model.name, is_onnx))


def tables_without_model(
    tables: Mapping[str, SingleModelOptions] | Iterable[str], found: Sequence[FoundModel]
) -> list[str]:
    """The tables that are neither of a found model nor of one that the catalog knows."""
    return [name for name in tables if not any(names_model(name, model) for model in found) and not _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        return load_catalog().find(name) is not None
    except ModelError:
        return False


def _where(settings: ServerSettings) -> WhereToLook:
    everything = settings.all_models
    folders = tuple(Path(folder) for folder in settings.model_folders)
    return WhereToLook(folders, everything, everything and not settings.no_foreign_models, join=everything)
