"""The text of a systemd unit that runs ``nexa server``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from router.cli.service.systemd import IDENTIFIER
from shared.logs.escaping import escaped

WATCHDOG_S = 90
"""Longer than a router may take to start, or to be missed and replaced by the supervisor."""

USAGE_STATUS = 2
"""Exit status of wrong options: another start would not help."""

GPU_DEVICES = ("char-nvidia*", "char-drm", "char-kfd")
"""Groups of devices in ``/proc/devices``: NVIDIA's, and those of AMD's and Intel's GPUs."""

HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""Folders that ``ProtectHome`` hides."""

_PLAIN = re.compile(r"[\w@%+=:,./*-]+", re.ASCII)
_ESCAPES = {chr(code): f"\\x{code:02x}" for code in (*range(1, 32), 127)} | {"\\": "\\\\", '"': '\\"'}
"""Of the control characters, not only the line feed ends a line of a unit file."""

WRITTEN_BY = "# Written by nexa service install"
"""Beginning of each unit file that is ours."""

_FOR_ALL = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0
"""

_FOR_SYSTEM = """\
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
ProtectSystem=strict
ProtectHome={home}
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateTmp=yes
PrivateMounts=yes
RemoveIPC=yes
KeyringMode=private
DevicePolicy=closed
"""


@dataclass(frozen=True)
class Unit:
    """What differs between units.

    Args:
        name: of the unit, without its suffix.
        models: shown in the description.
        command: the program and its arguments.
        is_system: a system unit, which has a user of its own; else one of the user who installs it.
        stop_s: how long an orderly end may take.
        environment: variables.
        environment_file: read if it exists.
        memory_max_bytes: beyond it, the kernel ends processes of the service; None for no limit.
        shown: paths that it reads in folders which are hidden from it.
        has_gpu: whether it may use the machine's GPUs.
        groups: further groups of its user.
        binds_low_port: whether it listens on a port below 1024.
    """

    name: str
    models: Sequence[str]
    command: Sequence[str]
    is_system: bool
    stop_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_file: str = ""
    memory_max_bytes: int | None = None
    shown: Sequence[Path] = ()
    has_gpu: bool = False
    groups: Sequence[str] = ()
    binds_low_port: bool = False

    def text(self) -> str:
        """The unit file."""
        target = "multi-user.target" if self.is_system else "default.target"
        return (
            f"{WRITTEN_BY}, which replaces it. For changes of your own: {self._edit}\n"
            f"{self._head()}\n[Service]\n{self._process()}\n{self._limits()}\n"
            f"{self._hardening()}\n[Install]\nWantedBy={target}\n"
        )

    @property
    def _edit(self) -> str:
        return f"systemctl {'' if self.is_system else '--user '}edit {self.name}"

    def _head(self) -> str:
        # A line end would begin another setting, and a backslash at the end would go on with the next one.
        models = escaped(" ".join(self.models)).replace("%", "%%").rstrip("\\")
        lines = [
            "[Unit]",
            f"Description=nexa server: {models}",
            *(["Wants=network-online.target", "After=network-online.target"] if self.is_system else []),
            "StartLimitIntervalSec=300",
            "StartLimitBurst=5",
        ]
        return "\n".join(lines) + "\n"

    def _process(self) -> str:
        variables = [f"Environment={_quoted(f'{name}={value}')}" for name, value in self.environment.items()]
        lines = [
            "Type=notify",
            "NotifyAccess=main",
            f"ExecStart={' '.join(_quoted(word).replace('$', '$$') for word in self.command)}",
            *variables,
            *([f"EnvironmentFile=-{self.environment_file}"] if self.environment_file else []),
            # Models may be downloaded, and loading takes as long as it takes: a failure ends the process.
            "TimeoutStartSec=infinity",
            f"TimeoutStopSec={self.stop_s}",
            f"WatchdogSec={WATCHDOG_S}",
            # SIGTERM goes to the supervisor alone, which ends the others after their requests.
            "KillMode=mixed",
            "Restart=on-failure",
            "RestartSec=2",
            f"SyslogIdentifier={IDENTIFIER}",
            f"RestartPreventExitStatus={USAGE_STATUS}",
        ]
        return "\n".join(lines) + "\n"

    def _limits(self) -> str:
        limit = [] if self.memory_max_bytes is None else [f"MemoryMax={self.memory_max_bytes}"]
        # A worker that runs out of memory is replaced by the supervisor; the rest goes on.
        return "\n".join([*limit, "OOMPolicy=continue", "LimitNOFILE=65536"]) + "\n"

    def _hardening(self) -> str:
        return _FOR_ALL + (self._system_hardening() if self.is_system else "")

    def _system_hardening(self) -> str:
        capabilities = "CAP_NET_BIND_SERVICE" if self.binds_low_port else ""
        # An empty /home in which only the paths below are seen, whatever the modes of the folders above them.
        has_shown_home = any(path.is_relative_to(folder) for path in self.shown for folder in HOMES)
        lines = [
            "DynamicUser=yes",
            f"User={self.name}",
            f"StateDirectory={self.name}",
            "StateDirectoryMode=0700",
            f"CacheDirectory={self.name}",
            "CacheDirectoryMode=0700",
            *([f"SupplementaryGroups={' '.join(self.groups)}"] if self.groups else []),
            _FOR_SYSTEM.format(capabilities=capabilities, home="tmpfs" if has_shown_home else "yes").rstrip(),
            # Both would take away the groups and the devices of GPUs, the first also low ports.
            *([] if self.has_gpu or self.binds_low_port else ["PrivateUsers=yes"]),
            *([f"DeviceAllow={group} rw" for group in GPU_DEVICES] if self.has_gpu else ["PrivateDevices=yes"]),
            *[f"BindReadOnlyPaths={_quoted(_bound(path))}" for path in self.shown],
        ]
        return "\n".join(lines) + "\n"


def settings_of(text: str, names: Sequence[str]) -> list[str]:
    """The assignments of some names in a unit's section ``Service``, as ``systemd-run --property`` takes them."""
    section = text.partition("[Service]\n")[2].partition("\n[")[0]
    lines = [line for line in section.splitlines() if line.partition("=")[0] in names]
    return [line.replace("%%", "%") for line in lines]


def _bound(path: Path) -> str:
    """A path as ``BindReadOnlyPaths`` has it, in which a colon would begin the target."""
    return str(path).replace(":", "\\:")


def _quoted(word: str) -> str:
    """A word as unit files have it."""
    word = word.replace("%", "%%")
    if _PLAIN.fullmatch(word):
        return word
    return '"' + "".join(_ESCAPES.get(character, character) for character in word) + '"'
