"""From the options of ``nexa server`` to its settings and the supervisor."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from router.cli.certificates.serving import with_certificate
from router.cli.data_folder import absolute, authority_file, data_path
from router.cli.models.elsewhere import ModelsElsewhere
from router.cli.models.files import with_files
from router.cli.models.finding import find_models
from router.cli.models.serving import with_found_models
from router.conversations.store import ANSWER_FILE
from router.conversations.store import FILE_NAME as ANSWERS_NAME
from router.http.connections.file_limit import TooFewFiles, require_files
from router.http.tls import CertificateError, check_certificate
from router.keys.database import FILE_NAME as KEY_FILE_NAME
from router.keys.database import KeyFileError
from router.keys.store import KeyStore
from router.models.copies import FILE_NAME as FILE_OF_NAMES
from router.models.copies import NAMES_FILE
from router.storage.database import StorageError
from router.telemetry.setup import HOW_TO_INSTALL, installed
from shared.addresses import is_loopback
from shared.interpreter import child_environment, module_command
from shared.logs.output import drain_output
from shared.settings import ModelSettings, ServerOptions, ServerSettings
from shared.settings.loading import LoadedOptions
from shared.settings.option import OptionError
from shared.settings.units import format_seconds
from shared.wire.run_folder import make_run_folder

PREFIX_FOLDER = "prefixes"
"""In the state folder: what text workers keep with ``--cache-disk``."""


def launch(loaded: LoadedOptions) -> NoReturn:
    """Check the options, find the models, and become the supervisor. Does not return.

    Raises:
        OptionError: options that contradict each other.
        NoRunFolder: no run folder can be made.
        ModelError: a model cannot be found, fetched or read.
    """
    check(loaded)
    options = with_certificate(loaded.options)
    _tell_of_missing_key(options)
    requested = [with_files(model) for model in loaded.models]
    elsewhere = ModelsElsewhere([Path(folder) for folder in options.model_folders], not options.no_foreign_models)
    models = find_models(requested, (), elsewhere)
    folder = make_run_folder()
    try:
        settings = with_found_models(make_settings(loaded, options, models, folder), loaded)
        handed = settings.hand_on()
        command = module_command("workers.supervisor", "--settings", str(handed.path))
        drain_output()
        os.execve(command[0], command, child_environment())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def check(loaded: LoadedOptions) -> None:
    """Refuse options that contradict each other or need something that is missing.

    Raises:
        OptionError: a missing folder of models, an open address without a key, an unusable certificate, traces
            without their packages, a state folder that cannot be written, or a default timeout above the maximum.
    """
    options = loaded.options
    try:
        require_files()
    except TooFewFiles as error:
        raise OptionError(str(error)) from None
    for given in options.model_folders:
        if not absolute(given).is_dir():
            raise OptionError(f"--model-folder: expected an existing folder, got {given!r}")
    needs_key(options)
    try:
        check_certificate(_file(options.ssl_certfile), _file(options.ssl_keyfile))
    except CertificateError as error:
        raise OptionError(str(error)) from None
    if options.otlp_endpoint and not installed():
        raise OptionError(f"--otlp-endpoint: its packages are not installed; {HOW_TO_INSTALL}")
    _check_state_folder(options)
    if options.cache_disk_bytes and options.cache_disk_folder:
        _check_private("--cache-disk-folder", absolute(options.cache_disk_folder))
    if options.default_timeout_s > options.max_timeout_s:
        given, longest = format_seconds(options.default_timeout_s), format_seconds(options.max_timeout_s)
        raise OptionError(f"--default-timeout-s: expected 0 or a time up to --max-timeout-s ({longest}), got {given}")


def _check_state_folder(options: ServerOptions) -> None:
    """Check that the folder can be written and its files read: the router would end, again and again, without them."""
    folder = _state_folder(options)
    if options.state_folder:
        _check_writable("--state-folder", folder)
    for kind, name in ((ANSWER_FILE, ANSWERS_NAME), (NAMES_FILE, FILE_OF_NAMES)):
        try:
            if (folder / name).exists():
                kind.open(folder / name).close()
        except (StorageError, OSError) as error:
            raise OptionError(f"--state-folder: {error}") from None


def _check_writable(flag: str, folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        expected = f"{flag}: expected a folder that can be written"
        raise OptionError(f"{expected}, got {str(folder)!r} ({error.strerror})") from None


def _check_private(flag: str, folder: Path) -> None:
    """Check that workers will use the folder: in one that others can open they keep nothing."""
    _check_writable(flag, folder)
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        expected = f"{flag}: expected a folder of this user alone"
        owner = f"user {found.st_uid}'s, mode {stat.S_IMODE(found.st_mode):o}"
        raise OptionError(f"{expected}, got {str(folder)!r} ({owner}); try: chmod 700 {folder}")


def _state_folder(options: ServerOptions) -> Path:
    return Path(_file(options.state_folder) or data_path(options.key_file, KEY_FILE_NAME).parent)


def needs_key(options: ServerOptions) -> bool:
    """Whether requests need a key: once any was created, or if other machines can connect; never with ``insecure``.

    A key given as an option is needed in any case, and so is one that is awaited.

    Raises:
        OptionError: an open address without a key, or an unusable key file.
    """
    try:
        with contextlib.closing(KeyStore.open(data_path(options.key_file, KEY_FILE_NAME))) as store:
            any_created, any_valid = store.any_created(), bool(store.keys())
    except (KeyFileError, sqlite3.Error) as error:
        raise OptionError(f"--key-file: {error}") from None
    if options.api_key:
        return True
    if options.insecure:
        return False
    if options.await_key:
        return True
    if not is_loopback(options.host) and not any_valid:
        raise OptionError(
            f"--host: {options.host} is open to other machines; create a key (nexa key create NAME), set one for all "
            "(NEXA_API_KEY), start without one (--await-key), or allow everyone with --insecure"
        )
    return any_created or not is_loopback(options.host)


def _tell_of_missing_key(options: ServerOptions) -> None:
    """Say how to create the key that is awaited."""
    if not options.await_key or options.api_key or options.insecure:
        return
    with contextlib.closing(KeyStore.open(data_path(options.key_file, KEY_FILE_NAME))) as store:
        if not store.keys():
            print("nexa: no key exists yet, so all requests get 401; create one: nexa key create NAME", file=sys.stderr)


def make_settings(
    loaded: LoadedOptions, options: ServerOptions, models: tuple[ModelSettings, ...], run_folder: Path
) -> ServerSettings:
    """The settings that all processes of the server read, with the models that are named."""
    given = {name: getattr(options, name) for name in ServerOptions.model_fields}
    key_file = data_path(options.key_file, KEY_FILE_NAME)
    return ServerSettings(
        **given
        | {
            "media_folder": str(data_path(options.media_folder, "media")),
            "output_folder": str(data_path(options.output_folder, "images")),
            "key_file": str(key_file),
            "state_folder": str(_state_folder(options)),
            "cache_disk_folder": _file(options.cache_disk_folder) or str(_state_folder(options) / PREFIX_FOLDER),
            "ssl_certfile": _file(options.ssl_certfile),
            "ssl_keyfile": _file(options.ssl_keyfile),
            "authority_file": str(authority_file()),
            "all_models": loaded.serves_all,
            "model_folders": tuple(str(absolute(folder)) for folder in options.model_folders),
        },
        models=models,
        found_options=with_files(loaded.found).options,
        table_options={table.spec: with_files(table).options for table in loaded.tables},
        run_folder=str(run_folder),
        key_required=needs_key(options),
    )


def _file(given: str) -> str:
    """The absolute path of ``given``; empty if that is empty."""
    return str(absolute(given)) if given else ""
