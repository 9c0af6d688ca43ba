"""Files named by options of a model: they must exist, and workers get absolute paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from router.cli.data_folder import absolute
from shared.errors import ModelError
from shared.models.adapter_files import files_of
from shared.models.adapters import AdapterFile, parse_adapter
from shared.models.parts import is_of_hub
from shared.models.projectors.choice import NO_PROJECTOR
from shared.settings.images.values import PartFile
from shared.settings.loading import MODEL_OPTIONS, RequestedModel
from shared.settings.option import OptionError
from shared.settings.values import ExistingPath

FILE_OPTIONS = tuple(
    name for name, option in MODEL_OPTIONS.items() if isinstance(option.spec.value, ExistingPath | PartFile)
)


def with_files(model: RequestedModel) -> RequestedModel:
    """The model, with the paths in its options made absolute. Files of the hub stay as they are.

    Raises:
        OptionError: a file does not exist, or two adapters have one name.
    """
    paths: dict[str, Any] = {name: _existing(model, name) for name in FILE_OPTIONS if getattr(model.options, name)}
    if model.options.mmproj not in ("", NO_PROJECTOR):
        paths["mmproj"] = _existing(model, "mmproj")
    paths["chat_template"] = _template(model)
    paths["adapters"] = _adapters(model)
    return replace(model, options=model.options.model_copy(update=paths))


def _existing(model: RequestedModel, name: str) -> str:
    given: str = getattr(model.options, name)
    if is_of_hub(given):
        return given
    path = absolute(given)
    if not path.exists():
        raise OptionError(f"{model.origins[name]}: expected an existing file or folder, got {given!r}")
    return str(path)


def _template(model: RequestedModel) -> str:
    given = model.options.chat_template
    path = absolute(given)
    if given and path.is_file():
        return str(path)
    if "/" in given or "." in given:
        raise OptionError(
            f"{model.origins['chat_template']}: expected an existing file or a template's name, got {given!r}"
        )
    return given


def _adapters(model: RequestedModel) -> tuple[str, ...]:
    """The adapters, each with its name and the absolute path of its file."""
    found: dict[str, AdapterFile] = {}
    origin = model.origins.get("adapters", "adapters")
    for given in map(parse_adapter, model.options.adapters):
        try:
            files = files_of(replace(given, path=str(absolute(given.path))))
        except (ModelError, OSError) as error:
            raise OptionError(f"{origin}: {error}") from None
        for file in files:
            if file.name in found:
                raise OptionError(f"{origin}: expected adapters with different names, got two called {file.name!r}")
            found[file.name] = file
    return tuple(map(str, found.values()))
