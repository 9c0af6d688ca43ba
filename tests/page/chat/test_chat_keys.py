"""Chats of users with keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.support.page.browser import Open
from tests.support.page.chat import ChatPage
from tests.support.running_server import RunningServer


def _key_command(path: Path, *words: str) -> str:
    command = [sys.executable, "-m", "router.cli", "key", *words, "--key-file", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def _give_key(chat: ChatPage, key: str) -> None:
    dialog = chat.page.get_by_role("dialog", name="API key")
    dialog.get_by_label("Key", exact=True).fill(key)
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog).to_be_hidden()


def test_two_users_have_chats_of_their_own_and_a_revoked_key_is_asked_for(visit: Open, tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite3"
    keys = {name: _key_command(path, "create", name) for name in ("anna", "ben", "cleo")}
    server = RunningServer("echo:0.05", "--key-file", str(path))
    server.client.headers["Authorization"] = f"Bearer {keys['anna']}"
    try:
        server.wait_ready()
        users = []
        for name in ("anna", "ben"):
            page, faults = visit(server.url)
            faults.expect("401")
            faults.expect("ERR_")  # the server stops before the page is closed
            users.append(ChatPage(page))
            _give_key(users[-1], keys[name])
        anna, ben = users
        anna.ask("a secret of anna")
        anna.wait_ended()
        ben.ask("other things")
        ben.wait_ended()
        expect(anna.chats.get_by_role("listitem")).to_have_text("a secret of anna")
        expect(ben.chats.get_by_role("listitem")).to_have_text("other things")

        _key_command(path, "revoke", "ben")
        dialog = ben.page.get_by_role("dialog", name="API key")
        expect(dialog.get_by_role("alert")).to_have_text("The server does not know this key.")
        _give_key(ben, keys["cleo"])
        ben.ask("with another key")
        expect(ben.answers).to_have_count(2)
        ben.wait_ended()
        assert ben.said().startswith("other things")
    finally:
        server.stop()
