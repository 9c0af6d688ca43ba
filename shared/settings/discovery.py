"""The options about which models are served besides those that are named."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.settings.option import Group, Option
from shared.settings.values import Switch, Texts


class DiscoveryOptions(BaseModel):
    """Where models are looked for. They are loaded on demand, unless ``load`` says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all_models: Annotated[
        bool,
        Option(
            Switch(),
            "serve all models that are on this machine, besides those that are named; it is so if none is named",
            Group.DISCOVERY,
        ),
    ] = False
    model_folders: Annotated[
        tuple[str, ...],
        Option(
            Texts("FOLDER", "a list of folders"),
            "folder whose models are served too, also those that it gets later",
            Group.DISCOVERY,
            flag="--model-folder",
        ),
    ] = ()
    no_foreign_models: Annotated[
        bool,
        Option(
            Switch(),
            "leave out models that other programs have fetched: Ollama, LM Studio and the hub's libraries",
            Group.DISCOVERY,
        ),
    ] = False
