"""All options of ``nexa server``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from shared.settings.model import ModelOptions
from shared.settings.option import FormerName, Group, Option
from shared.settings.server import ServerOptions
from shared.settings.values import Texts

_ASSIGNMENT = r"[A-Za-z][\w-]*="
_BETWEEN_MODELS = re.compile(rf",(?!\s*{_ASSIGNMENT})")


@dataclass(frozen=True)
class Models(Texts):
    """Models to serve. A comma before ``OPTION=`` does not start another model."""

    def split(self, text: str) -> list[str]:
        return _BETWEEN_MODELS.split(text)


class CommandOptions(ServerOptions, ModelOptions):
    """The options that the command line, the environment and the TOML file can set."""

    model_path: Annotated[
        tuple[str, ...],
        Option(Models("MODEL", "a list of models"), "models to serve", Group.MODELS, is_positional=True),
    ] = ()
    aliases: Annotated[
        tuple[str, ...],
        Option(
            Texts("MODEL=ALIAS", "a list of MODEL=ALIAS"),
            "another name for a model; ALIAS alone if only one model is served",
            Group.MODELS,
            flag="--alias",
            former=FormerName("alias"),
        ),
    ] = ()
