"""All options of ``nexa server``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from shared.settings.model import ModelOptions
from shared.settings.option import Former, Group, Option
from shared.settings.server import ServerOptions
from shared.settings.values import Texts

_ASSIGNMENT = r"[A-Za-z][\w-]*="
_BETWEEN_MODELS = re.compile(rf",(?!\s*{_ASSIGNMENT})")


@dataclass(frozen=True)
class Models(Texts):
    """Models to serve. A comma before ``OPTION=`` does not end a model."""

    def split(self, text: str) -> list[str]:
        return _BETWEEN_MODELS.split(text)


class CommandOptions(ServerOptions, ModelOptions):
    """The options of the command line, the variables and the TOML file."""

    model_path: Annotated[
        tuple[str, ...],
        Option(Models("MODEL", "a list of models"), "models to serve", Group.MODELS, is_word=True),
    ] = ()
    aliases: Annotated[
        tuple[str, ...],
        Option(
            Texts("MODEL=ALIAS", "a list of MODEL=ALIAS"),
            "further name of a model; ALIAS alone where one is served",
            Group.MODELS,
            flag="--alias",
            former=Former("alias"),
        ),
    ] = ()
