"""Loads the options of ``nexa server``. The command line overrides the environment, which overrides the TOML file.

An option of one model, given as ``NAME@option=value`` or in the file's ``[models.NAME]``, overrides the option for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from shared.settings.command import CommandOptions
from shared.settings.model import ModelOptions, SingleModelOptions
from shared.settings.model_argument import mark_models, split_model_argument
from shared.settings.names import nearest
from shared.settings.option import DeclaredOption, OptionError, options_of
from shared.settings.placement import ContradictionError, check_together
from shared.settings.residency import LOADING
from shared.settings.sources import OPTIONS, CommandLine, Environment, SourcedOptions, TomlFile

MODEL_OPTIONS = options_of(SingleModelOptions)

MAX_SHOWN_CHARACTERS = 100

_MODEL_PATH = "model_path"
_LOAD = "load"
_MODEL_NAMES = {option.flag.removeprefix("--").replace("-", "_"): name for name, option in MODEL_OPTIONS.items()}
_MODEL_NAMES |= {name: name for name in MODEL_OPTIONS}
"""Names of a model's options, by name and by flag without dashes (``nctx``)."""
_SERVER_NAMES = {option.flag.removeprefix("--").replace("-", "_") for option in OPTIONS.values()} | set(OPTIONS)


@dataclass(frozen=True)
class RequestedModel:
    """A model to serve: its name, path or source as given, its options, and where each option was given."""

    spec: str
    options: SingleModelOptions
    origins: Mapping[str, str]


@dataclass(frozen=True)
class LoadedOptions:
    """All options, the models that are named, and a warning for each former name that was used.

    ``found`` has the options of models that are found on the machine; ``tables`` those of models that the file has
    tables for and that are not named. If ``tables_are_checked``, each must be of a model that there is.
    """

    options: CommandOptions
    models: tuple[RequestedModel, ...]
    warnings: tuple[str, ...]
    tables_are_checked: bool
    found: RequestedModel = RequestedModel("", SingleModelOptions(load=LOADING[-1]), {})
    tables: tuple[RequestedModel, ...] = ()

    @property
    def serves_all(self) -> bool:
        """Whether all models of the machine are served."""
        return self.options.all_models or not self.models

    @property
    def searches(self) -> bool:
        """Whether models are looked for, at least in folders of the operator."""
        return self.serves_all or bool(self.options.model_folders)


def load_options(command_line: Mapping[str, Any], config_path: str | None) -> LoadedOptions:
    """Combine the three sources.

    Args:
        command_line: values by current or former name: text, a list of texts, or True.
        config_path: the TOML file, or None.

    Raises:
        OptionError: a wrong value, an unknown option, or an unreadable file.
    """
    file = TomlFile(config_path)
    sources = (CommandLine(command_line), Environment(), file)
    origins = {name: option.flag for name, option in OPTIONS.items()}
    for source in reversed(sources):
        origins |= source.given.origins
    options = _joined(sources, origins)
    models_given = any(_MODEL_PATH in source.given.values for source in sources)
    named_by_tables = () if options.all_models else tuple(file.tables)
    arguments = mark_models(options.model_path) if models_given else named_by_tables
    tables_are_checked = not models_given or origins[_MODEL_PATH] == file.given.origins.get(_MODEL_PATH)
    models = tuple(_requested(argument, options, origins, file.tables, config_path) for argument in arguments)
    warnings = tuple(line for source in sources for line in source.given.warnings)
    loaded = LoadedOptions(options, models, warnings, tables_are_checked)
    if loaded.searches:
        load_given = any(_LOAD in source.given.values for source in sources)
        of_found = options if load_given else options.model_copy(update={_LOAD: LOADING[-1]})
        others = [name for name in file.tables if name not in {model.spec for model in models}]
        tables = tuple(_requested(name, of_found, origins, file.tables, config_path) for name in others)
        return replace(loaded, found=_requested("", of_found, origins, {}, config_path), tables=tables)
    if tables_are_checked:
        _check_tables(file.tables, arguments, config_path)
    return loaded


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
    argument: str,
    options: CommandOptions,
    origins: Mapping[str, str],
    tables: Mapping[str, Mapping[str, Any]],
    config_path: str | None,
) -> RequestedModel:
    spec, assigned = split_model_argument(argument)
    values = {name: getattr(options, name) for name in ModelOptions.model_fields}
    where = {name: origins[name] for name in values}
    own = [(name, value, f"models.{spec}.{name} in {config_path}") for name, value in tables.get(spec, {}).items()]
    own += [(name, value, f"{spec}@{name}") for name, value in assigned.items()]
    for name, value, origin in own:
        if name not in _MODEL_NAMES:
            raise OptionError(f"{origin}: {_no_option_of_model(name)}")
        values[_MODEL_NAMES[name]], where[_MODEL_NAMES[name]] = value, origin
    try:
        model = RequestedModel(spec, SingleModelOptions.model_validate(values), where)
        check_together(model.options)
    except ValidationError as error:
        raise _refusal(error, MODEL_OPTIONS, where) from None
    except ContradictionError as error:
        raise OptionError(f"{where[error.option]}: {error.problem}") from None
    return model


def _no_option_of_model(name: str) -> str:
    if name in _SERVER_NAMES:
        return "holds for all models together, not for one"
    return f"no such option of a model; did you mean {nearest(name, _MODEL_NAMES)}?"


def _check_tables(tables: Iterable[str], arguments: Iterable[str], config_path: str | None) -> None:
    """Refuse a table for a model that the same file does not serve; its name is probably misspelt."""
    specs = [split_model_argument(argument)[0] for argument in arguments]
    for name in tables:
        if name not in specs:
            hint = f"; did you mean {nearest(name, specs)}?" if specs else ""
            raise OptionError(f"models.{name} in {config_path}: {_MODEL_PATH} has no such model{hint}")


def _shown(value: Any) -> str:
    text = repr(value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"


def _refusal(error: ValidationError, options: Mapping[str, DeclaredOption], origins: Mapping[str, str]) -> OptionError:
    first = error.errors()[0]
    name = str(first["loc"][0])
    return OptionError(f"{origins[name]}: expected {options[name].spec.value.expected}, got {_shown(first['input'])}")
