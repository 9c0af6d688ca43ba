"""How an option is declared: as metadata of a pydantic model's field.

    slots: Annotated[int, Option(Whole(1, 1024), "sequences that a worker runs at once", Group.MODELS)] = 16

The field's name is the option's only name: in code, in the settings file, in the TOML file, in ``NEXA_SLOTS``, and with
dashes on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from shared.settings.values import Switch, Texts, Value

VARIABLE_PREFIX = "NEXA_"


class OptionError(Exception):
    """A wrong option. The message is one line: the option, what was expected, and what it got."""


class Group(StrEnum):
    """The sections of help and documentation."""

    NETWORK = "network and access"
    LIMITS = "limits"
    DISCOVERY = "models that are found"
    MODELS = "models and workers (also for one model: MODEL@OPTION=VALUE)"
    RESIDENCY = "what is loaded when (load, pin and idle_unload_s also for one model)"
    PLACEMENT = "GPUs, memory and cache of models (also for one model: MODEL@OPTION=VALUE)"
    IMAGE_MODELS = "image models (also for one model: MODEL@OPTION=VALUE)"
    IMAGES = "images"
    STATE = "files, batches and stored answers"
    OPERATION = "operation and logs"


@dataclass(frozen=True)
class FormerName:
    """An option's name in the previous release. It still works, with a warning.

    ``unit`` is what the number 1 under that name is in the option's current unit.
    """

    name: str
    unit: int = 1

    def convert(self, given: Any) -> Any:
        """The value in the current unit. A value that is not a number is returned as it is, and refused later."""
        if isinstance(given, bool):
            return given
        try:
            number = float(given) * self.unit
        except (TypeError, ValueError):
            return given
        return int(number) if number.is_integer() else number


@dataclass(frozen=True)
class Option:
    """What a field's metadata says about its option: kind of value, help, group, and other names.

    ``flag`` is given if it differs from the field's name. An option that ``is_positional`` has no flag.
    """

    value: Value
    help: str
    group: Group
    flag: str = ""
    former: FormerName | None = None
    is_positional: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.value.read, handler(source))


@dataclass(frozen=True)
class DeclaredOption:
    """An option with its name and default."""

    name: str
    default: Any
    spec: Option

    @property
    def flag(self) -> str:
        """The option's name on the command line."""
        return self.spec.flag or flag_of(self.name)

    @property
    def variable(self) -> str:
        """The option's environment variable."""
        return variable_of(self.name)

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value."""
        return isinstance(self.spec.value, Switch)

    @property
    def is_list(self) -> bool:
        """Whether the flag may be repeated."""
        return isinstance(self.spec.value, Texts)

    @property
    def shown_default(self) -> str:
        """The default as a user would write it; empty if the default is empty."""
        return "" if self.default in ("", ()) else self.spec.value.show(self.default)


def options_of(model: type[BaseModel]) -> Mapping[str, DeclaredOption]:
    """The options among the fields of ``model``, by name."""
    found = {}
    for name, field in model.model_fields.items():
        option = next((item for item in field.metadata if isinstance(item, Option)), None)
        if option is not None:
            found[name] = DeclaredOption(name, field.default, option)
    return found


def flag_of(name: str) -> str:
    """The flag for an option's name."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable for an option's name."""
    return VARIABLE_PREFIX + name.upper()
