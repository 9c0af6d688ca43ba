"""What ``nexa service install`` is asked for: words of ``nexa server``, checked, and the files that they name."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from router.cli.data_folder import absolute
from router.cli.server import load
from router.cli.service.unit import HOMES
from shared.interpreter import CODE_FOLDER
from shared.logs.escaping import escaped
from shared.settings.loading import MODEL_OPTIONS, LoadedOptions
from shared.settings.model_argument import split_model_argument
from shared.settings.option import VARIABLE_PREFIX, OptionError
from shared.settings.sources import OPTIONS

HIDDEN_FROM_SYSTEM_UNITS = (*HOMES, Path("/tmp"), Path("/var/tmp"))
"""What ``ProtectHome`` and ``PrivateTmp`` hide."""

OWN_FOLDERS = ("key_file", "state_folder", "output_folder", "cache_disk_folder")
"""Options that name what the server writes. A system unit may write nowhere else than in its own folders."""

_ONNX = "onnx:"
_PATH_VALUES = ("FILE", "FOLDER")


@dataclass(frozen=True)
class ServerRequest:
    """What the service is to serve.

    Args:
        words: the arguments of ``nexa server``; paths are absolute.
        loaded: the options that they make.
        paths: files and folders that they name.
    """

    words: tuple[str, ...]
    loaded: LoadedOptions
    paths: tuple[Path, ...]


def read_request(parser: argparse.ArgumentParser, words: Sequence[str], is_system: bool) -> ServerRequest:
    """Check the words. Variables do not count: those of this shell are not the service's.

    Raises:
        OptionError: a wrong option, none that a service could have, or no model.
    """
    asked = tuple(_with_absolute_paths(_in_utf8(word)) for word in words)
    with _without_variables():
        loaded = load(parser, list(asked))
    options = loaded.options
    if not loaded.models and not (options.all_models or options.model_folders):
        raise OptionError("a model is required; try: nexa service install smollm2 (all names: nexa list)")
    if options.api_key:
        raise OptionError("--api-key: expected NEXA_API_KEY in the file of variables, got a word that all users see")
    if options.reload:
        raise OptionError("--reload: expected a server in a terminal, got a service")
    for name in OWN_FOLDERS if is_system else ():
        if getattr(options, name):
            raise OptionError(f"{OPTIONS[name].flag}: expected none, since the service has folders of its own")
    return ServerRequest(asked, loaded, tuple(_paths(parser, asked, loaded)))


def shown_paths(paths: Sequence[Path]) -> list[Path]:
    """Which folders and files a system unit must be shown, since they are in folders that are hidden from it.

    Of a model, the whole folder: its parts and links lie beside it. Of a file in a home folder itself, the file alone.
    """
    program = [Path(sys.prefix), CODE_FOLDER, Path(sys.base_prefix)]
    named = [_with_neighbours(found) for path in paths for found in (path, path.resolve())]
    hidden = [path for path in (*program, *named) if _is_hidden(path)]
    kept = [path for path in dict.fromkeys(hidden) if not any(other in path.parents for other in hidden)]
    return sorted(kept)


def require_readable(paths: Sequence[Path]) -> None:
    """Refuse what the service's user could not read.

    Raises:
        OptionError: others than the owner have no right to read it.
    """
    for path in paths:
        mode = path.stat().st_mode
        needed = 0o005 if path.is_dir() else 0o004
        if mode & needed != needed:
            expected = "expected one that the service's user may read"
            raise OptionError(f"{path}: {expected}, got mode {mode & 0o777:o}; try: chmod -R o+rX {path}")


def variables_of_shell() -> list[str]:
    """Options that this shell sets by variables."""
    return sorted(name for name in os.environ if name.startswith(VARIABLE_PREFIX))


@contextlib.contextmanager
def _without_variables() -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in variables_of_shell()}
    try:
        yield
    finally:
        os.environ.update(kept)


def _in_utf8(word: str) -> str:
    try:
        word.encode()
    except UnicodeEncodeError:
        raise OptionError(f"{escaped(word)}: expected UTF-8, as in all unit files, got other bytes") from None
    return word


def _with_absolute_paths(word: str) -> str:
    """The word, with the path of an existing file in it made absolute: ``./m.gguf@slots=4``, ``--config=my.toml``."""
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if value.startswith(_ONNX):
        flag, value = flag + equals + _ONNX, value.removeprefix(_ONNX)
        equals = ""
    path, _ = split_model_argument(value)
    rest = value.removeprefix(path)
    looks_like_path = "/" in path or Path(path).suffix
    if not (looks_like_path and os.path.exists(os.path.expanduser(path))):
        return word
    return f"{flag}{equals}{absolute_link(path)}{rest}"


def absolute_link(path: str) -> Path:
    """The absolute path, without following links: a model is named after its link."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def _paths(parser: argparse.ArgumentParser, words: Sequence[str], loaded: LoadedOptions) -> Iterator[Path]:
    config = parser.parse_known_intermixed_args(list(words))[0].config
    given = [config, *(model.spec.removeprefix(_ONNX) for model in loaded.models)]
    for name, option in OPTIONS.items():
        if option.spec.value.metavar in _PATH_VALUES:
            value = getattr(loaded.options, name)
            given += value if option.is_list else [value]
    of_models = [name for name, option in MODEL_OPTIONS.items() if option.spec.value.metavar in _PATH_VALUES]
    given += [getattr(model.options, name) for model in loaded.models for name in of_models]
    for path in given:
        if path and os.path.exists(os.path.expanduser(path)):
            if not os.path.isabs(path):
                where = f"{path} in {config}" if config else path
                raise OptionError(f"{where}: expected an absolute path, since a service starts in no folder")
            yield absolute_link(path)


def _with_neighbours(path: Path) -> Path:
    """Its folder, unless that is a home folder, or holds such."""
    folder = path if path.is_dir() else path.parent
    too_much = folder in HIDDEN_FROM_SYSTEM_UNITS or folder.parent == Path("/home") or folder == absolute("~")
    return path if too_much else folder


def _is_hidden(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in HIDDEN_FROM_SYSTEM_UNITS)
