"""``nexa service``: the server as a service of systemd."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from router.cli.service.request import (
    ServerRequest,
    read_request,
    require_readable,
    shown_paths,
    variables_of_shell,
)
from router.cli.service.systemd import ServiceError, Systemd, become
from router.cli.service.unit import WRITTEN_BY, Unit, settings_of
from router.keys.database import FILE_NAME
from router.keys.store import KeyStore
from shared.addresses import is_loopback
from shared.interpreter import CODE_FOLDER, child_environment, module_command
from shared.settings.option import OptionError
from shared.settings.units import parse_bytes

STOP_MARGIN_S = 30
"""What an orderly end takes beyond ``--drain-timeout-s``: the router's margin, then the workers'."""

FIRST_FREE_PORT = 1024

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_PRIVILEGED = ("root", "nobody")
"""Names of users that every machine has: systemd takes such a user instead of a new one."""
_GPU_NODES = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dri"))
_GPU_GROUPS = ("render", "video")
_OF_RUN = (
    *("User", "DynamicUser", "StateDirectory", "StateDirectoryMode", "CacheDirectory", "CacheDirectoryMode"),
    *("Environment", "EnvironmentFile", "UMask", "ProtectSystem", "ProtectHome", "PrivateTmp", "BindReadOnlyPaths"),
)
"""Settings of the unit that ``nexa service run`` keeps: the same user, the same files."""


def add_parsers(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], server_parser: argparse.ArgumentParser
) -> None:
    """Add the subcommands; each sets ``func(args) -> exit code``."""
    service = subparsers.add_parser(
        "service",
        help="run the server as a service of systemd",
        description="The server as a service of systemd: of the machine if root installs it, else of this user.",
    )
    commands = service.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_install(commands, server_parser)
    for name, text in (
        ("uninstall", "stop and remove the service; its data stays"),
        ("status", "whether it runs, and what it says"),
        ("logs", "its log"),
        ("run", "run another nexa command as the service does: with its user and files"),
    ):
        parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        _add_common(parser)
        parser.set_defaults(func={"uninstall": _uninstall, "status": _status, "logs": _logs, "run": _run}[name])
        if name == "logs":
            parser.add_argument("-f", "--follow", action="store_true", help="go on with new lines")
            parser.add_argument("-n", "--lines", type=int, default=100, metavar="N", help="last lines (default 100)")
        if name == "run":
            parser.add_argument(
                "words", nargs=argparse.REMAINDER, metavar="COMMAND", help="such as: key create anna --admin"
            )


def _add_install(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server_parser: argparse.ArgumentParser
) -> None:
    install = commands.add_parser(
        "install",
        help="install and start the service",
        usage="nexa service install [--memory-max SIZE] [--dry-run] MODEL [MODEL ...] [options of nexa server]",
        description="Write a hardened systemd unit that runs `nexa server` with the models and options given here, "
        "enable it, start it, and wait until it is ready. A further install replaces the unit.",
        allow_abbrev=False,
    )
    _add_common(install)
    install.add_argument(
        "--memory-max", type=_memory, metavar="SIZE", help="memory that the service may have, such as 12G"
    )
    install.add_argument("--dry-run", action="store_true", help="print the unit, and change nothing")
    install.add_argument("--no-start", action="store_true", help="enable the service, but do not start it")
    install.set_defaults(func=lambda args: _install(args, server_parser), takes_words=True)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", type=_name, default="nexa", help="the unit's name (default nexa)")
    parser.add_argument("--user", action="store_true", help="a service of this user, also for root")


def _install(args: argparse.Namespace, server_parser: argparse.ArgumentParser) -> int:
    systemd = _systemd(args)
    request = read_request(server_parser, args.unknown, systemd.is_system)
    unit = make_unit(args.name, request, systemd.is_system, args.memory_max)
    if args.dry_run:
        print(unit.text(), end="")
        return 0
    systemd.require()
    _warn_of_variables(unit)
    if systemd.is_system:
        require_readable(unit.shown)
    file = systemd.unit_file(args.name)
    if file.exists():
        _require_own(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(unit.text())
    systemd.order("daemon-reload")
    systemd.order("enable", "--quiet", unit.name)
    print(f"{file}: written and enabled")
    lacks_key = _lacks_key(request, unit)
    if lacks_key or args.no_start:
        print(f"not started{lacks_key}\nstart it: systemctl {'' if unit.is_system else '--user '}start {unit.name}")
        return 0
    _start(systemd, unit.name)
    if not unit.is_system:
        print(f"It ends with your last session, unless you say once: loginctl enable-linger {_user_name()}")
    return 0


def _start(systemd: Systemd, name: str) -> None:
    """Start, and show what the server says until it is ready. Ctrl-C only ends the waiting."""
    systemd.order("restart", "--no-block", f"{name}.service")
    try:
        systemd.wait_started(name, lambda status: print(f"  {status}", flush=True))
    except KeyboardInterrupt:
        print("it goes on starting: nexa service status")
        return
    print("ready; its log: nexa service logs")


def make_unit(name: str, request: ServerRequest, is_system: bool, memory_max_bytes: int | None) -> Unit:
    """The unit for a request, on this machine."""
    options = request.loaded.options
    has_gpu = any(node.exists() for node in _GPU_NODES)
    return Unit(
        name=name,
        models=[model.spec for model in request.loaded.models],
        command=[*_program(), "server", *request.words],
        is_system=is_system,
        stop_s=int(options.drain_timeout_s) + STOP_MARGIN_S,
        environment=_environment(name, is_system),
        environment_file=f"/etc/{name}.env" if is_system else f"%E/{name}.env",
        memory_max_bytes=memory_max_bytes,
        shown=shown_paths(request.paths) if is_system else (),
        has_gpu=has_gpu,
        groups=_gpu_groups() if has_gpu and is_system else (),
        binds_low_port=0 < options.port < FIRST_FREE_PORT or 0 < options.ollama_port < FIRST_FREE_PORT,
    )


def _program() -> list[str]:
    return module_command("router.cli")


def _environment(name: str, is_system: bool) -> dict[str, str]:
    """The variables of the service: where code and files are."""
    in_checkout = {"PYTHONPATH": str(CODE_FOLDER)} if "PYTHONPATH" in child_environment() else {}
    state = f"/var/lib/{name}"
    own = {
        "HOME": state,
        "XDG_CACHE_HOME": f"/var/cache/{name}",
        "NEXA_KEY_FILE": f"{state}/{FILE_NAME}",
        "NEXA_OUTPUT_FOLDER": f"{state}/images",
        "NEXA_MEDIA_FOLDER": f"{state}/media",
        "NEXA_MODELS": f"{state}/models",
    }
    return in_checkout | (own if is_system else {})


def _gpu_groups() -> list[str]:
    """The groups that own the nodes of GPUs, where this machine has them."""
    lines = Path("/etc/group").read_text().splitlines()
    return [group for group in _GPU_GROUPS if any(line.startswith(f"{group}:") for line in lines)]


def _warn_of_variables(unit: Unit) -> None:
    names = ", ".join(variables_of_shell())
    if names:
        file = unit.environment_file.replace("%E", "~/.config")
        print(f"nexa: {names}: set in this shell, which the service does not see; its variables are in {file}")


def _lacks_key(request: ServerRequest, unit: Unit) -> str:
    """Why the server would not start for want of a key, and how to make one; empty if it would."""
    options = request.loaded.options
    if options.insecure or options.await_key or is_loopback(options.host) or not unit.is_system:
        return ""
    with contextlib.suppress(OSError):
        if re.search(r"^NEXA_(API_KEY|INSECURE|AWAIT_KEY)=.", Path(unit.environment_file).read_text(), re.MULTILINE):
            return ""
    key_file = Path(unit.environment["NEXA_KEY_FILE"])
    if key_file.exists():
        with contextlib.closing(KeyStore.open(key_file)) as store:
            if store.keys():
                return ""
    create = f"nexa service run{'' if unit.name == 'nexa' else f' --name {unit.name}'} key create NAME --admin"
    return f": --host {options.host} is open to other machines; first create a key: {create}"


def _uninstall(args: argparse.Namespace) -> int:
    systemd = _systemd(args)
    systemd.require()
    file = _installed_unit(systemd, args.name)
    systemd.order("disable", "--now", "--quiet", f"{args.name}.service")
    if systemd.is_system:
        systemd.order("clean", "--what=cache", f"{args.name}.service")
    file.unlink()
    systemd.order("daemon-reload")
    with contextlib.suppress(ServiceError):  # it is unknown now, unless it had failed
        systemd.order("reset-failed", f"{args.name}.service")
    left = f"/var/lib/private/{args.name}" if systemd.is_system else "~/.local/share/nexa and ~/.cache/nexa"
    print(f"{file}: removed; keys, answers, pictures and models stay in {left}")
    return 0


def _status(args: argparse.Namespace) -> int:
    become(_systemd(args).status_command(args.name))


def _logs(args: argparse.Namespace) -> int:
    command = [*_systemd(args).log_command(args.name), f"--lines={args.lines}", "--output=cat"]
    become([*command, *(["--follow"] if args.follow else ["--no-pager"])])


def _run(args: argparse.Namespace) -> int:
    """Run a command of nexa as the service."""
    systemd = _systemd(args)
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise OptionError("a command is required, such as: nexa service run key create anna --admin")
    if not systemd.is_system:
        become([*_program(), *words])
    systemd.require()
    file = _installed_unit(systemd, args.name)
    become(run_command(file.read_text(), [*_program(), *words], sys.stdin.isatty()))


def run_command(unit_text: str, command: Sequence[str], has_terminal: bool) -> list[str]:
    """The command line that runs ``command`` with the user and the files of a unit."""
    properties = [f"--property={line}" for line in settings_of(unit_text, _OF_RUN)]
    return [
        *("systemd-run", "--quiet", "--collect", "--wait", "--pty" if has_terminal else "--pipe"),
        *properties,
        *("--", *command),
    ]


def _installed_unit(systemd: Systemd, name: str) -> Path:
    """The file of a unit that is there; raises :class:`ServiceError` if it is not."""
    file = systemd.unit_file(name)
    if not file.exists():
        raise ServiceError(f"{name}: expected a service that was installed, got none: no {file}")
    _require_own(file)
    return file


def _require_own(file: Path) -> None:
    """Refuse to replace, remove or use a unit of another program, with :class:`ServiceError`."""
    if not file.read_text(errors="replace").startswith(WRITTEN_BY):
        raise ServiceError(f"--name: expected a service of nexa, got that of {file}, which nexa has not written")


def _systemd(args: argparse.Namespace) -> Systemd:
    return Systemd(is_system=os.geteuid() == 0 and not args.user)


def _user_name() -> str:
    return shlex.quote(os.environ.get("USER") or str(os.getuid()))


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text in _PRIVILEGED:
        raise argparse.ArgumentTypeError(f"expected a name such as nexa-2, got {text!r}")
    return text


def _memory(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a size such as 12G, got {text!r}") from None
