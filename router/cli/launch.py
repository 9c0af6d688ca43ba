"""From the options of ``nexa server`` to the server's settings, and into the supervisor."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import sqlite3
from pathlib import Path
from typing import NoReturn

from router.cli.data_folder import data_path
from router.cli.model_finding import IMAGE_FILES, find_models
from router.cli.options import OptionError, ServerOptions
from router.cli.run_folder import make_run_folder
from router.http.tls import CertificateError, check_certificate
from router.keys.database import FILE_NAME as KEY_FILE_NAME
from router.keys.database import KeyFileError
from router.keys.store import KeyStore
from router.telemetry.setup import HOW_TO_INSTALL, installed
from shared.interpreter import child_environment, module_command
from shared.settings import ModelSettings, ServerSettings

MEGABYTE = 1000 * 1000


def launch(options: ServerOptions) -> NoReturn:
    """Check the options, find the models, and become the supervisor: this returns only by an exception.

    Raises:
        OptionError: options that do not fit together.
        NoRunFolder: the server cannot be started.
        ModelError, GGUFError: a model cannot be found, fetched or read.
    """
    check(options)
    models = find_models(options)
    folder = make_run_folder()
    try:
        settings = make_settings(options, models, folder)
        settings.save()
        command = module_command("workers.supervisor", "--settings", str(settings.path))
        os.execve(command[0], command, child_environment())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def check(options: ServerOptions) -> None:
    """Refuse options that do not fit together.

    Raises:
        OptionError: no model, ONNX, an open address without a key, a certificate that cannot be used, traces without
            their packages, timeouts that contradict each other, or a chat template that is not there.
    """
    if options.onnx:
        raise OptionError("onnx: ONNX models are not served yet; leave the word out to serve GGUF models")
    if not options.model_path:
        raise OptionError("no model given; try: nexa server smollm2 (all names: nexa list)")
    needs_key(options)
    try:
        check_certificate(_file(options.ssl_certfile), _file(options.ssl_keyfile))
    except CertificateError as error:
        raise OptionError(str(error)) from None
    if options.otlp_endpoint and not installed():
        raise OptionError(f"--otlp-endpoint needs packages that are not installed: {HOW_TO_INSTALL}")
    if options.default_timeout > options.max_timeout:
        raise OptionError(
            f"--default-timeout {options.default_timeout:g}: accepted are seconds up to --max-timeout "
            f"({options.max_timeout:g}), and 0"
        )
    for name in IMAGE_FILES:
        path = getattr(options, name)
        if path and not Path(path).expanduser().exists():
            raise OptionError(f"--{name.replace('_', '-')} {path}: no such file or folder")
    template = options.chat_template
    if template and not Path(template).expanduser().is_file() and ("/" in template or "." in template):
        raise OptionError(f"--chat-template {template}: no such file")


def needs_key(options: ServerOptions) -> bool:
    """Whether requests without a key will be refused: where there is one, and on an address that others reach.

    Raises:
        OptionError: an open address without a key, or a key file that cannot be used.
    """
    try:
        with contextlib.closing(KeyStore.open(data_path(options.key_file, KEY_FILE_NAME))) as store:
            made, in_force = store.any_made(), bool(store.keys())
    except (KeyFileError, sqlite3.Error) as error:
        raise OptionError(f"{error} (--key-file names another)") from None
    if options.api_key:
        return True
    if options.insecure:
        return False
    if not _is_loopback(options.host) and not in_force:
        raise OptionError(
            f"--host {options.host} is open to other machines: make a key (nexa key create NAME), set one for all "
            "(NEXA_API_KEY), or give --insecure to let anybody in"
        )
    return made or not _is_loopback(options.host)


def make_settings(options: ServerOptions, models: tuple[ModelSettings, ...], run_folder: Path) -> ServerSettings:
    """The settings that every process of the server reads."""
    template = options.chat_template
    template_file = Path(template).expanduser()
    return ServerSettings(
        models=models,
        run_folder=str(run_folder),
        host=options.host,
        port=options.port,
        reload=options.reload,
        context_tokens=options.nctx,
        slots=options.slots,
        threads=options.threads,
        gpu_layers=options.gpu_layers,
        queue_limit=options.queue_limit,
        default_timeout_s=options.default_timeout,
        max_timeout_s=options.max_timeout,
        max_upload_bytes=options.max_upload * MEGABYTE,
        cache_ram_bytes=options.cache_ram * MEGABYTE,
        media_folder=str(data_path(options.media_folder, "media")),
        image_hosts=options.image_host,
        output_folder=str(data_path(options.output_folder, "images")),
        output_keep_s=options.output_hours * 3600.0,
        output_keep_bytes=options.output_mb * MEGABYTE,
        max_image_side=options.max_image_side,
        chat_template=str(template_file.resolve()) if template and template_file.is_file() else template,
        api_key=options.api_key,
        key_file=str(data_path(options.key_file, KEY_FILE_NAME)),
        key_required=needs_key(options),
        insecure=options.insecure,
        resume_timeout_s=options.resume_timeout,
        cors_origins=options.cors_origin,
        ssl_certfile=_file(options.ssl_certfile),
        ssl_keyfile=_file(options.ssl_keyfile),
        otlp_endpoint=options.otlp_endpoint,
        drain_timeout_s=options.drain_timeout,
        log_format=options.log_format,
        log_prompts=options.log_prompts,
    )


def _file(given: str) -> str:
    """The whole path of a file that was named, or nothing."""
    return str(Path(given).expanduser().resolve()) if given else ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
