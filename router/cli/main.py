"""The command ``nexa``: its subcommands, errors and exit codes."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable
from typing import NoReturn

from router.cli import control, keys, server
from router.cli.certificates import command as cert
from router.cli.certificates.errors import CertificateProblem
from router.cli.control import ControlError
from router.cli.doctor import command as doctor
from router.cli.doctor.network import LanError
from router.cli.models import formats, listing
from router.cli.residency import loading, ps
from router.cli.service import command as service
from router.cli.service.systemd import ServiceError
from router.cli.talking import chat, image, transcribe
from router.client.errors import ClientError
from router.keys.database import KeyFileError
from shared.distribution import version
from shared.errors import ModelError
from shared.logs.escaping import escaped
from shared.logs.output import ensure_stderr
from shared.settings.option import OptionError
from shared.wire.run_folder import NoRunFolder

WORDS = "words"
"""Where a subcommand keeps words of any number; those that stand behind options are added to them."""

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141
"""As of a program that the signal SIGPIPE ends."""

EXPECTED_ERRORS = (
    NoRunFolder,
    ModelError,
    CertificateProblem,
    KeyFileError,
    ControlError,
    LanError,
    ClientError,
    ServiceError,
    sqlite3.Error,
    OSError,
)
"""Errors whose message is shown as one line, without a traceback."""


class Parser(argparse.ArgumentParser):
    """A parser that raises its errors, so that all errors of the command look alike."""

    def error(self, message: str) -> NoReturn:
        """Raise :class:`OptionError` with the message."""
        raise OptionError(f"{message.removeprefix('argument ')} (see: {self.prog} --help)")


def main(arguments: list[str] | None = None) -> int:
    """Run ``nexa``; returns its exit code: 2 for wrong options, 1 for other errors."""
    ensure_stderr()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(words)
    except OptionError as error:
        return _say(error, EXIT_USAGE)
    except BrokenPipeError:  # whoever read the output has left, as head does
        return EXIT_UNREAD
    except EXPECTED_ERRORS as error:
        return _say(error, EXIT_ERROR)
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)


def build_parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parsers of ``nexa`` and of ``nexa server``."""
    parser: argparse.ArgumentParser = Parser(
        prog="nexa", description="A local model server that speaks the APIs of OpenAI, Anthropic and Ollama."
    )
    parser.add_argument("--version", action="version", version=f"nexa {_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    server_parser = server.add_parser(subparsers, f"nexa {_version()}")
    chat.add_parsers(subparsers)
    transcribe.add_parsers(subparsers)
    image.add_parsers(subparsers)
    listing.add_parsers(subparsers)
    formats.add_parsers(subparsers)
    control.add_parsers(subparsers)
    loading.add_parsers(subparsers)
    ps.add_parsers(subparsers)
    keys.add_parsers(subparsers)
    cert.add_parsers(subparsers)
    doctor.add_parsers(subparsers)
    service.add_parsers(subparsers, server_parser)
    return parser, server_parser


def _run(words: list[str]) -> int:
    parser, server_parser = build_parsers()
    if not words:
        parser.print_help()
        return 0
    if words[0] == "server":
        # Not through the main parser: intermixed options and models do not work with subparsers.
        return server.serve(server_parser, words[1:])
    options, left = parser.parse_known_args(words)
    if left and WORDS in options and not any(word.startswith("-") and word != "-" for word in left):
        getattr(options, WORDS).extend(left)
    elif left and not hasattr(options, "takes_words"):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    options.unknown = left
    command: Callable[[argparse.Namespace], int] = options.func
    return command(options)


def _version() -> str:
    return version() or "(not installed)"


def _say(error: object, code: int) -> int:
    print(f"nexa: {escaped(' '.join(str(error).split()))}", file=sys.stderr)
    return code
