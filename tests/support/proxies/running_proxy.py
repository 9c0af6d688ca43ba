"""nginx and Caddy with the settings that ``docs/reverse-proxies.md`` prints; only ports and paths are others."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.support.printed import examples
from tests.support.running_server import free_port, wait_until

DOCUMENT = "docs/reverse-proxies.md"
NAME = "ai.example"

_NGINX = """\
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{printed}
}}
"""
_CADDY = """\
{{
    admin off
    auto_https disable_redirects
    skip_install_trust
}}
{printed}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs. ``authority`` is a file with the root of its certificate."""

    port: int
    host: str
    authority: Path

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"https://{self.host}:{self.port}"


def printed_settings(language: str) -> list[str]:
    """The settings that the document prints for a proxy."""
    return [example.text for example in examples(DOCUMENT) if example.language == language]


def require(program: str) -> str:
    """The path of a program that ``scripts/packages.sh`` installs. Skips the test without it."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed; scripts/packages.sh installs it")
    return found


@contextlib.contextmanager
def nginx(server_port: int, folder: Path) -> Iterator[Proxy]:
    """nginx before a server, with the location below a path too."""
    port = free_port()
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME, "localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for number, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(str(folder / "cert.pem"), append=number > 0)
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    site, below_a_path = printed_settings("nginx")
    printed = _with_port(site.rstrip().removesuffix("}") + below_a_path + "}", server_port)
    for before, after in (("listen 443", f"listen 127.0.0.1:{port}"), ("/etc/ssl/ai.example", str(folder))):
        assert before in printed
        printed = printed.replace(before, after)
    user = "user root;" if os.geteuid() == 0 else ""
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(user=user, folder=folder, printed=printed))
    command = [require("nginx"), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(settings)]
    with _running(command, port, folder, signal.SIGQUIT):
        yield Proxy(port, "localhost", folder / "ca.pem")


@contextlib.contextmanager
def caddy(server_port: int, folder: Path) -> Iterator[Proxy]:
    """Caddy before a server, with a certificate of its own authority, as it makes one for ``localhost``."""
    port = free_port()
    (printed,) = printed_settings("caddyfile")
    assert printed.startswith(f"{NAME} {{")
    printed = _with_port(printed.replace(f"{NAME} {{", f"https://localhost:{port} {{\n    bind 127.0.0.1"), server_port)
    (folder / "Caddyfile").write_text(_CADDY.format(printed=printed))
    command = [require("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    authority = folder / "data/caddy/pki/authorities/local/root.crt"
    with _running(command, port, folder, signal.SIGTERM):
        wait_until(lambda: _is_trusted(port, authority), "Caddy has a certificate")
        yield Proxy(port, "localhost", authority)


def _is_trusted(port: int, authority: Path) -> bool:
    with contextlib.suppress(OSError):
        trust = ssl.create_default_context(cafile=authority)
        with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
            trust.wrap_socket(connection, server_hostname="localhost").close()
            return True
    return False


def _with_port(text: str, server_port: int) -> str:
    assert "127.0.0.1:8000" in text
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{server_port}")


@contextlib.contextmanager
def _running(command: list[str], port: int, folder: Path, end: signal.Signals) -> Iterator[None]:
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    with open(folder / "output", "wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def listens() -> bool:
        assert process.poll() is None, (folder / "output").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
        return False

    try:
        wait_until(listens, "the proxy listens")
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
