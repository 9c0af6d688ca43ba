"""``nexa service`` on a machine that systemd runs: a container of Debian 12 with systemd as its first process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.interpreter import CODE_FOLDER
from tests.support.chroot.containers import Container, Containers
from tests.support.chroot.debian import debian_tar, require_root_and
from tests.support.running_server import free_port, wait_until

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "procps", "python3", "adduser"),
    *(
        "libssl3",
        "libffi8",
        "libsqlite3-0",
        "zlib1g",
        "libbz2-1.0",
        "liblzma5",
        "libreadline8",
        "libgomp1",
        "libstdc++6",
    ),
)
IMAGE = "localhost/nexa-test-systemd"
NAME = "nexa-test-systemd"

DYNAMIC_USERS = range(61184, 65520)
"""Users that systemd invents."""

pytestmark = pytest.mark.timeout(900)


class Box:
    """A machine with systemd and this repository's nexa, in root's home folder if the interpreter is there."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def do(self, *command: str, code: int = 0) -> str:
        return self._container.do(*command, code=code)

    def nexa(self, *words: str, code: int = 0) -> str:
        program = ["env", f"PYTHONPATH={CODE_FOLDER}", sys.executable, "-P", "-m", "router.cli"]
        return self.do(*program, *words, code=code)

    def shown(self, name: str, prop: str) -> str:
        return self.do("systemctl", "show", f"{name}.service", f"--property={prop}", "--value").strip()

    def install(self, *words: str) -> str:
        return self.nexa("service", "install", *words, "--port", str(self.port))

    def chat(self, key: str = "") -> httpx.Response:
        body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=60.0)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready").status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    require_root_and("podman", "runc", "debootstrap")
    containers = Containers()
    containers.import_once(debian_tar(PACKAGES), IMAGE)
    containers.podman("rm", "--force", "--time", "0", "--ignore", NAME)
    shared = dict.fromkeys(str(path) for path in (Path(sys.prefix), Path(sys.base_prefix), CODE_FOLDER))
    volumes = [f"--volume={path}:{path}:ro" for path in shared if path != "/usr"]
    machine = ["--privileged", "--systemd=always", "--network=host", "--tmpfs=/run", "--tmpfs=/tmp"]
    containers.podman("run", "--detach", f"--name={NAME}", *machine, *volumes, IMAGE, "/sbin/init")
    started = Container(containers, NAME)
    try:
        asked = ("sh", "-c", "systemctl is-system-running --wait 2>&1; true")
        wait_until(lambda: started.do(*asked).strip() in ("running", "degraded"), "systemd runs")
        started.do("chmod", "700", "/root")
        yield started
    finally:
        started.remove()


@pytest.fixture
def box(container: Container) -> Iterator[Box]:
    """A machine without a service and without data."""
    box = Box(container)
    yield box
    container.do("sh", "-c", "systemctl disable --now --quiet nexa nexa-2 2>/dev/null; true")
    container.do(
        "sh", "-c", "rm -rf /etc/systemd/system/nexa*.service* /etc/nexa.env /var/lib/nexa* /var/lib/private/nexa*"
    )
    container.do("systemctl", "daemon-reload")


def test_a_service_is_installed_answers_comes_back_and_goes(box: Box) -> None:
    said = box.install("smollm2", "--memory-max", "4G")
    assert f"serving smollm2/0 at {box.url}" in said
    assert box.is_ready()
    assert box.chat().json()["usage"]["completion_tokens"] == 4
    assert box.shown("nexa", "MemoryMax") == "4000000000"

    pid = box.shown("nexa", "MainPID")
    assert int(box.do("ps", "-o", "uid=", "-p", pid)) in DYNAMIC_USERS
    box.do("kill", "-9", pid)
    wait_until(lambda: box.shown("nexa", "NRestarts") == "1" and box.is_ready(), "it came back")
    assert box.shown("nexa", "MainPID") != pid
    assert box.chat().status_code == 200
    assert "status=9/KILL" in box.do("journalctl", "--unit=nexa", "--no-pager")
    assert f"Serving smollm2 at {box.url}" in box.nexa("service", "logs")
    assert "Active: active (running)" in box.nexa("service", "status")

    box.do("systemctl", "stop", "nexa")
    assert box.shown("nexa", "Result") == "success"
    box.do("systemctl", "start", "nexa")
    assert box.is_ready()

    before = box.do("ls", "/var/lib/private/nexa").split()
    assert "answers.sqlite3" in before
    box.nexa("service", "uninstall")
    found = box.do("find", "/etc", "/var", "/run", "/usr/lib/systemd", "-name", "nexa*").split()
    assert sorted(found) == ["/var/lib/nexa", "/var/lib/private/nexa"]
    assert "keys.sqlite3" in box.do("ls", "/var/lib/private/nexa").split()
    assert not box.is_ready()
    assert box.nexa("service", "uninstall", code=1) == ""


def test_an_open_address_waits_for_a_key_and_the_key_holds(box: Box) -> None:
    said = box.install("echo", "--host", "0.0.0.0")
    assert "first create a key: nexa service run key create NAME --admin" in said
    assert box.shown("nexa", "ActiveState") == "inactive"
    key = box.nexa("service", "run", "key", "create", "anna").split()[-1]
    box.do("systemctl", "start", "nexa")
    assert box.chat().status_code == 401
    assert box.chat(key).status_code == 200
    assert "anna" in box.nexa("service", "run", "key", "list")
    owners = box.do("sh", "-c", "stat -c %u /var/lib/private/nexa/*").split()
    assert len({*owners}) == 1
    assert owners[0] != "0"
    assert "echo" in box.install("echo", "--host", "0.0.0.0"), "with a key, it is started at once"


def test_a_supervisor_that_hangs_is_ended_and_started_again(box: Box) -> None:
    box.do("mkdir", "-p", "/etc/systemd/system/nexa.service.d")
    box.do("sh", "-c", "printf '[Service]\\nWatchdogSec=4\\n' >/etc/systemd/system/nexa.service.d/quick.conf")
    box.install("echo")
    box.do("kill", "-STOP", box.shown("nexa", "MainPID"))
    wait_until(lambda: box.shown("nexa", "NRestarts") == "1" and box.is_ready(), "it was started again")
    assert "Watchdog timeout" in box.do("journalctl", "--unit=nexa", "--no-pager")


def test_a_server_that_cannot_start_is_told_and_one_with_wrong_options_not_repeated(box: Box) -> None:
    with_reason = box.do(
        *("sh", "-c", f"PYTHONPATH={CODE_FOLDER} {sys.executable} -P -m router.cli service install no-such-model 2>&1"),
        code=1,
    )
    assert "expected a name of the catalog, got 'no-such-model'" in with_reason
    box.do("sh", "-c", "echo NEXA_SLOTS=many >/etc/nexa.env")
    box.nexa("service", "install", "echo", code=1)
    wait_until(lambda: box.shown("nexa", "ActiveState") == "failed", "it stays failed")
    assert box.shown("nexa", "ExecMainStatus") == "2"


def test_a_user_has_a_service_too(box: Box) -> None:
    box.do("sh", "-c", "id anna >/dev/null 2>&1 || useradd --create-home anna")
    box.do("chmod", "711", "/root")
    box.do("loginctl", "enable-linger", "anna")
    user_id = box.do("id", "-u", "anna").strip()
    wait_until(lambda: "active" in box.do("systemctl", "is-active", f"user@{user_id}"), "anna's service manager runs")
    environment = [f"XDG_RUNTIME_DIR=/run/user/{user_id}", "HOME=/home/anna", f"PYTHONPATH={CODE_FOLDER}"]
    program = ["runuser", "-u", "anna", "--", "env", *environment]
    nexa = [*program, sys.executable, "-P", "-m", "router.cli", "service"]
    said = box.do(*nexa, "install", "echo", "--port", str(box.port), "--memory-max", "2G")
    assert "serving echo/0" in said
    assert box.is_ready()
    pid = box.do(*program, "systemctl", "--user", "show", "nexa", "--property=MainPID", "--value").strip()
    status = box.do("cat", f"/proc/{pid}/status")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert box.do("ls", "/home/anna/.local/share/nexa").split()
    box.do(*nexa, "uninstall")
    assert not box.is_ready()
    assert box.do("find", "/home/anna/.config", "-name", "nexa*") == ""
