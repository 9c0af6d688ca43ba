"""The models of a server that is starting: those that are named, and those that are found on the machine."""

from __future__ import annotations

import sys
import time

from router.cli.models.finding import with_aliases
from router.cli.models.wording import text_only
from shared.discovery.discovery import SETTLE_S
from shared.discovery.served import DiscoveredModels, tables_without_model
from shared.settings import ModelSettings, ServerSettings
from shared.settings.loading import LoadedOptions
from shared.settings.names import nearest
from shared.settings.option import OptionError

MAX_NAMES = 8
"""How many found models a line names."""


class NoModelsHere(OptionError):
    """No model is named, and none is on the machine."""


def with_found_models(settings: ServerSettings, loaded: LoadedOptions) -> ServerSettings:
    """The settings with the models that are on the machine, if they are to be served, and with all aliases.

    Raises:
        OptionError: a table or an alias for no model; an alias that is taken.
        NoModelsHere: there is none.
    """
    found = _find(settings, loaded) if loaded.searches else ()
    if not settings.models and not found:
        raise NoModelsHere(
            "a model is required, and none is on this machine; try: nexa server qwen3-0.6b (all names: nexa list)"
        )
    models = with_aliases((*settings.models, *found), loaded.options.aliases)
    if found:
        _tell(found)
    return settings.model_copy(update={"models": models})


def _find(settings: ServerSettings, loaded: LoadedOptions) -> tuple[ModelSettings, ...]:
    discovered = DiscoveredModels(settings)
    models = discovered.refresh()
    if not models and not settings.models and discovered.found.unfinished:
        time.sleep(SETTLE_S)  # a file that was written a moment ago may be whole
        models = discovered.refresh()
    if loaded.tables_are_checked:
        unknown = tables_without_model(settings.table_options, discovered.found.models)
        if unknown:
            names = [model.name for model in (*settings.models, *models)]
            hint = f"; did you mean {nearest(unknown[0], names)}?" if names else ""
            raise OptionError(
                f"models.{unknown[0]}: expected a model that is here or in the catalog, got neither{hint}"
            )
    for model in discovered.found.models:
        if model.projector.refusal:
            print(text_only(model.name, model.projector), file=sys.stderr)
    return models


def _tell(found: tuple[ModelSettings, ...]) -> None:
    names = ", ".join(model.name for model in found[:MAX_NAMES])
    more = f" and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    print(f"nexa: found on this machine: {names}{more} (where: nexa list --here)", file=sys.stderr)
