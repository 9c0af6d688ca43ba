"""The three sources of options. Each holds its values under the options' current names."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, SettingsConfigDict

from shared.settings.command import CommandOptions
from shared.settings.names import nearest, resolve_names
from shared.settings.option import VARIABLE_PREFIX, OptionError, flag_of, options_of, variable_of

OPTIONS = options_of(CommandOptions)

MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 16

_MODELS = "models"
_TOO_DEEP = f"expected tables and lists nested at most {MAX_DEPTH} deep, got deeper ones"


class SourcedOptions(BaseSettings, CommandOptions):
    """The options as a class of pydantic-settings."""

    model_config = SettingsConfigDict(env_prefix=VARIABLE_PREFIX, env_ignore_empty=True, enable_decoding=False)


class CommandLine(InitSettingsSource):
    """What the parser found on the command line."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.given = resolve_names(found, OPTIONS, _flag_of_either)
        super().__init__(SourcedOptions, self.given.values)


class Environment(EnvSettingsSource):
    """The ``NEXA_*`` variables. Empty ones are ignored."""

    def __init__(self) -> None:
        super().__init__(SourcedOptions)
        found = {
            name.removeprefix(VARIABLE_PREFIX).lower(): value
            for name, value in os.environ.items()
            if value and name.isupper() and name.startswith(VARIABLE_PREFIX)
        }
        self.given = resolve_names(found, OPTIONS, variable_of)

    def __call__(self) -> dict[str, Any]:
        return self.given.values


class TomlFile(InitSettingsSource):
    """A TOML file, or none. ``tables`` holds its tables ``[models.NAME]`` by name.

    Raises:
        OptionError: the file is unreadable, is not TOML, or has an unknown key.
    """

    def __init__(self, path: str | None) -> None:
        content = {} if path is None else _read_toml(path)
        found = {key.replace("-", "_"): value for key, value in content.items()}
        self.tables = _tables(found.pop(_MODELS, {}), path)
        former = {option.spec.former.name for option in OPTIONS.values() if option.spec.former is not None}
        for key in found:
            if key not in OPTIONS and key not in former:
                raise OptionError(f"{key} in {path}: no such option; did you mean {nearest(key, OPTIONS)}?")
        self.given = resolve_names(found, OPTIONS, lambda name: f"{name} in {path}")
        super().__init__(SourcedOptions, self.given.values)


def _flag_of_either(name: str) -> str:
    """The flag of an option's current or former name."""
    return OPTIONS[name].flag if name in OPTIONS else flag_of(name)


def _read_toml(path: str) -> dict[str, Any]:
    # pydantic-settings' own TOML source reads nothing from a missing file or a pipe, without an error.
    try:
        with open(os.path.expanduser(path), "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ValueError(f"expected at most {MAX_FILE_BYTES} bytes, got more")
        found = tomllib.loads(content.decode())
        _check_depth(found, MAX_DEPTH)
        return found
    except OSError as error:
        raise OptionError(f"--config: expected a TOML file, got {path!r}: {error.strerror}") from None
    except RecursionError:
        raise OptionError(f"--config: expected a TOML file, got {path!r}: {_TOO_DEEP}") from None
    except ValueError as error:  # not TOML, not UTF-8, too large, or a number of thousands of digits
        reason = str(error).partition("; use sys.")[0]  # advice to programmers
        raise OptionError(f"--config: expected a TOML file, got {path!r}: {reason}") from None


def _check_depth(value: Any, levels: int) -> None:
    """Raise ``ValueError`` for tables and lists nested deeper than ``levels``: showing them might not end well."""
    if isinstance(value, dict | list):
        if levels == 0:
            raise ValueError(_TOO_DEEP)
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, levels - 1)


def _tables(value: Any, path: str | None) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise OptionError(f"{_MODELS} in {path}: expected a table per model, got {value!r}")
    for name, table in value.items():
        if not isinstance(table, dict):
            hint = f'a name with dots needs quotes: [{_MODELS}."name"]'
            raise OptionError(f"{_MODELS}.{name} in {path}: expected a table, got {table!r}; {hint}")
    return {name: {key.replace("-", "_"): item for key, item in table.items()} for name, table in value.items()}
