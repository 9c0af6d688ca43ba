"""Loads the options of ``nexa server``. The command line overrides the environment, which overrides the TOML file.

An option of one model, given as ``NAME@option=value`` or in the file's ``[models.NAME]``, overrides the option for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from shared.settings.command import CommandOptions
from shared.settings.model import ModelOptions, OwnModelOptions
from shared.settings.model_words import split_word
from shared.settings.names import nearest
from shared.settings.option import Declared, OptionError, declared
from shared.settings.sources import OPTIONS, CommandLine, Environment, SourcedOptions, TomlFile

MODEL_OPTIONS = declared(OwnModelOptions)

_MODEL_PATH = "model_path"
_MODEL_NAMES = {option.flag.removeprefix("--").replace("-", "_"): name for name, option in MODEL_OPTIONS.items()}
_MODEL_NAMES |= {name: name for name in MODEL_OPTIONS}
"""Option names by name and by flag (``nctx``)."""


@dataclass(frozen=True)
class RequestedModel:
    """A model to serve: the name or path given, its options, and where each option was given."""

    spec: str
    options: OwnModelOptions
    origins: Mapping[str, str]


@dataclass(frozen=True)
class LoadedOptions:
    """All options, the models to serve, and a warning for each former name in use."""

    options: CommandOptions
    models: tuple[RequestedModel, ...]
    warnings: tuple[str, ...]


def load_options(command_line: Mapping[str, Any], config_path: str | None) -> LoadedOptions:
    """Join the sources.

    Args:
        command_line: values by name or former name: text, a list of texts, or True.
        config_path: the TOML file, if there is one.

    Raises:
        OptionError: a wrong value, an unknown option, or an unreadable file.
    """
    file = TomlFile(config_path)
    sources = (CommandLine(command_line), Environment(), file)
    origins = {name: option.flag for name, option in OPTIONS.items()}
    for source in reversed(sources):
        origins |= source.given.origins
    options = _joined(sources, origins)
    words = options.model_path if any(_MODEL_PATH in source.given.values for source in sources) else tuple(file.tables)
    if origins[_MODEL_PATH] == file.given.origins.get(_MODEL_PATH):
        _check_tables(file.tables, words, config_path)
    models = tuple(_requested(word, options, origins, file.tables, config_path) for word in words)
    return LoadedOptions(options, models, tuple(line for source in sources for line in source.given.warnings))


def _joined(sources: tuple[PydanticBaseSettingsSource, ...], origins: Mapping[str, str]) -> CommandOptions:
    class Joined(SourcedOptions):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return sources

    try:
        return Joined()
    except ValidationError as error:
        raise _refusal(error, OPTIONS, origins) from None


def _requested(
    word: str,
    options: CommandOptions,
    origins: Mapping[str, str],
    tables: Mapping[str, Mapping[str, Any]],
    config_path: str | None,
) -> RequestedModel:
    spec, assigned = split_word(word)
    values = {name: getattr(options, name) for name in ModelOptions.model_fields}
    where = {name: origins[name] for name in values}
    own = [(name, value, f"models.{spec}.{name} in {config_path}") for name, value in tables.get(spec, {}).items()]
    own += [(name, value, f"{spec}@{name}") for name, value in assigned.items()]
    for name, value, origin in own:
        if name not in _MODEL_NAMES:
            raise OptionError(f"{origin}: no such option of a model; did you mean {nearest(name, _MODEL_NAMES)}?")
        values[_MODEL_NAMES[name]], where[_MODEL_NAMES[name]] = value, origin
    try:
        return RequestedModel(spec, OwnModelOptions.model_validate(values), where)
    except ValidationError as error:
        raise _refusal(error, MODEL_OPTIONS, where) from None


def _check_tables(tables: Iterable[str], words: Iterable[str], config_path: str | None) -> None:
    """Refuse a table for a model that the same file does not serve; its name is probably misspelt."""
    specs = [split_word(word)[0] for word in words]
    for name in tables:
        if name not in specs:
            hint = f"; did you mean {nearest(name, specs)}?" if specs else ""
            raise OptionError(f"models.{name} in {config_path}: {_MODEL_PATH} has no such model{hint}")


def _refusal(error: ValidationError, options: Mapping[str, Declared], origins: Mapping[str, str]) -> OptionError:
    first = error.errors()[0]
    name = str(first["loc"][0])
    return OptionError(f"{origins[name]}: expected {options[name].option.value.expected}, got {first['input']!r}")
