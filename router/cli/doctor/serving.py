"""The port: free, a running server's, or taken by something else."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
from dataclasses import dataclass

import httpx

from router.cli.data_folder import authority_file
from router.cli.doctor.findings import Finding, problem
from router.client.connection import KEY_VARIABLE, ServerClient
from router.client.errors import ClientError, RequestRefused
from shared.addresses import in_url
from shared.settings import ServerOptions

PROBE_TIMEOUT_S = 3.0
LOCALHOST = "127.0.0.1"
DEFAULT_PORT: int = ServerOptions.model_fields["port"].default
_HEALTHY = {"status": "ok"}


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers at an address: ``url`` is empty unless a nexa server does."""

    listens: bool
    url: str = ""


def who_answers(port: int, host: str = LOCALHOST) -> Answering:
    """Ask the port over HTTPS, then over HTTP."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=PROBE_TIMEOUT_S):
        for scheme in ("https", "http"):
            url = f"{scheme}://{in_url(host)}:{port}"
            if _is_nexa(url):
                return Answering(True, url)
        return Answering(True)
    return Answering(False)


def examine_port(port: int) -> Finding:
    """Whether a server can use the port, or which one does."""
    found = who_answers(port)
    facts = {"port": port, "url": found.url, "free": not found.listens}
    if not found.listens:
        return _can_listen(port)
    if not found.url:
        remedy = f"nexa server MODEL --port {port + 1}"
        return problem("port", f"{port} is taken by another program", remedy, **facts)
    try:
        with ServerClient(found.url, os.environ.get(KEY_VARIABLE, ""), ca_file=authority_file()) as client:
            names = ", ".join(model.name for model in client.models())
    except RequestRefused as error:
        names = "a key is needed to see its models" if error.status == 401 else str(error)
    except ClientError as error:  # its certificate is another authority's
        names = str(error)
    return Finding("port", f"nexa server answers at {found.url}: {names}", facts=facts)


def _is_nexa(url: str) -> bool:
    """Whether a server with our ``/health`` answers. Its certificate does not matter: nothing is told to it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            httpx.Client(transport=httpx.HTTPTransport(verify=context), timeout=PROBE_TIMEOUT_S) as client,
            client.stream("GET", f"{url}/health") as answer,
        ):
            # Another program may send anything, without an end. Our answer comes at once.
            first = next(answer.iter_bytes(), b"")
            return answer.status_code == 200 and "x-request-id" in answer.headers and json.loads(first) == _HEALTHY
    except (httpx.HTTPError, ValueError, RecursionError):
        return False


def _can_listen(port: int) -> Finding:
    try:
        with socket.create_server((LOCALHOST, port)):
            return Finding("port", f"{port} is free", facts={"port": port, "free": True})
    except OSError as error:
        text = f"{port} cannot be used: {error.strerror}"
        return problem("port", text, f"nexa server MODEL --port {max(port, 1024) + 8000}", port=port, free=False)
