"""What the commands that talk to a running server have in common: its address, its key, its models."""

from __future__ import annotations

import argparse
import math
import os
from urllib.parse import quote

from router.cli.data_folder import authority_file
from router.client.connection import DEFAULT_URL, KEY_VARIABLE, URL_VARIABLE, ModelFacts, ServerClient
from router.client.errors import AddressInvalid, RequestRefused, ServerUnreachable
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.settings.option import OptionError

_FILES = ("output", "source")
"""Options that name files, whose names may be any bytes."""

_EXAMPLES = {
    JobKind.TEXT: "nexa server smollm2",
    JobKind.SPEECH: "nexa server faster-whisper-base",
    JobKind.IMAGE: "nexa server sd1-5",
}


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--url``."""
    parser.add_argument(
        "--url",
        default=os.environ.get(URL_VARIABLE, DEFAULT_URL),
        help=f"the server's URL (default {DEFAULT_URL}, or {URL_VARIABLE}); its key comes from {KEY_VARIABLE}",
    )


def connect(args: argparse.Namespace) -> ServerClient:
    """A client of the server that ``args`` names.

    Raises:
        OptionError: the URL or the key is none, or an option cannot be sent.
    """
    for name, value in vars(args).items():
        _check_sendable(name, value)
    try:
        return ServerClient(args.url, os.environ.get(KEY_VARIABLE, ""), ca_file=authority_file())
    except AddressInvalid as error:
        raise OptionError(str(error)) from None


def _check_sendable(name: str, value: object) -> None:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, float) and not math.isfinite(value):
        raise OptionError(f"{flag}: expected a finite number, got {value}")
    if isinstance(value, str) and name not in _FILES and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise OptionError(f"{flag}: expected text in UTF-8, got other bytes") from None


def models_of(client: ServerClient, kind: JobKind) -> list[ModelFacts]:
    """The server's models for a kind of job, at least one; its default comes first.

    Raises:
        ServerUnreachable: no server answers; the message says how to start one.
        RequestRefused: the server refused the request; where a key is missing, the message says where it comes from.
        ModelError: it has no such model.
    """
    try:
        found = client.models(kind)
    except ServerUnreachable as error:
        raise ServerUnreachable(f"--url: {error}; start one: {_EXAMPLES[kind]}") from None
    except RequestRefused as error:
        raise with_hint(error) from None
    if not found:
        raise ModelError(f"{client.address} has no model for {kind}; start one that has: {_EXAMPLES[kind]}")
    return found


def with_hint(error: RequestRefused) -> RequestRefused:
    """``error``; one about a key says where the command takes it from."""
    if error.status != 401:
        return error
    hint = f"set {KEY_VARIABLE} to a key of the server (nexa key create NAME makes one)"
    return RequestRefused(f"{error}; {hint}", error.status, error.code)


def check_model(client: ServerClient, name: str) -> None:
    """Ask the server whether it knows the model ``name``.

    Raises:
        ServerUnreachable, RequestRefused: it does not, or cannot be asked.
    """
    client.get(f"/v1/models/{quote(name)}")
