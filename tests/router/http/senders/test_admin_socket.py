"""Orders over the admin socket, and over the network beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.app import create_app
from router.http.senders.admin_socket import AdminSocket, listen_for_admin
from router.http.senders.host_check import HostCheck
from shared.settings import ServerSettings
from shared.wire.run_folder import admin_socket_in, find_admin_sockets, make_run_folder
from tests.support.router.fake_broker import MODEL, FakeBroker

FOLDER = Path("/run/nexa-x")
ORDER = "/v1/workers/restart"


def answer(method: str, path: str, over_socket: bool, headers: dict[str, str] | None = None) -> httpx.Response:
    settings = ServerSettings(models=(MODEL,), run_folder=str(FOLDER), api_key="a-long-enough-key", admin_socket=True)
    broker = FakeBroker(settings=settings)
    app = create_app(broker)
    door = AdminSocket(app, HostCheck(app, settings, lambda: True), admin_socket_in(FOLDER))

    async def connected(scope: Any, receive: Any, send: Any) -> None:
        if over_socket:
            scope = {**scope, "server": (str(admin_socket_in(FOLDER)), None), "client": None}
        await door(scope, receive, send)

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=connected, client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as http:
            return await http.request(method, path, headers=headers)

    return asyncio.run(go())


def test_orders_over_the_socket_need_no_key() -> None:
    assert answer("POST", ORDER, over_socket=True).status_code == 202
    assert answer("GET", "/v1/workers", over_socket=True).status_code == 200


def test_models_are_loaded_and_unloaded_over_the_socket_and_not_deleted_or_fetched() -> None:
    assert answer("GET", "/v1/models", over_socket=True).status_code == 200
    for order in ("load", "unload"):
        said = answer("POST", f"/v1/models/none/{order}", over_socket=True)
        assert "expected one of" in said.text
    for method, path in (("DELETE", "/v1/models/none"), ("POST", "/v1/models/pull")):
        assert "path: expected /v1/workers" in answer(method, path, over_socket=True).text


def test_orders_over_the_network_are_refused_even_with_a_key() -> None:
    refused = answer("POST", ORDER, over_socket=False, headers={"Authorization": "Bearer a-long-enough-key"})
    assert refused.status_code == 403
    assert "expected nexa drain, restart, load or unload with --admin-socket" in refused.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/modelsx", "/v1/chat/completions", "/metrics", "/v1/workersx"])
def test_the_socket_leads_to_the_workers_alone(path: str) -> None:
    refused = answer("GET", path, over_socket=True)
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        404,
        f"path: expected /v1/workers or one below, or to load or unload a model, got {path}",
    )


def test_a_socket_that_an_earlier_router_left_is_replaced(tmp_path: Path) -> None:
    listen_for_admin(tmp_path).close()
    with listen_for_admin(tmp_path) as listener:
        assert listener.getsockname() == str(admin_socket_in(tmp_path))


def test_the_sockets_of_this_user_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = make_run_folder()
    with listen_for_admin(folder):
        assert admin_socket_in(folder) in find_admin_sockets()
        folder.chmod(0o755)
        assert admin_socket_in(folder) not in find_admin_sockets()
