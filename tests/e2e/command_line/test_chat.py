"""``nexa chat`` on a terminal, with a real model."""

from __future__ import annotations

import subprocess
import sys

from tests.support.clients.cutting_proxy import cutting_proxy
from tests.support.clients.terminal import TerminalCommand
from tests.support.running_server import RunningServer, wait_until

LONG = "Write a very long story about the sea.\r"


def test_ctrl_c_stops_an_answer_and_another_one_leaves(server: RunningServer) -> None:
    with TerminalCommand("chat", "--url", server.url) as chat:
        chat.see("> ")
        chat.press(LONG)
        chat.see("sea.\r\n")
        chat.see(" the ")
        chat.press("\x03")
        assert chat.see("> ").endswith("(stopped)\r\n> ")
        wait_until(server.idle, "the slot is free")
        chat.press("/model\r")
        assert chat.see("> ") == "/model\r\n* smollm2\r\n> "
        assert chat.ended("\x03") == 0


def test_an_answer_goes_on_after_a_lost_connection(server: RunningServer) -> None:
    with cutting_proxy(server.url) as proxy:
        options = ["--temperature", "0", "--max-tokens", "300"]
        command = [sys.executable, "-m", "router.cli", "chat", "-m", "Count from 1 to 30.", *options]
        whole = subprocess.run([*command, "--url", server.url], capture_output=True, text=True, timeout=60, check=True)
        with TerminalCommand("chat", *options, "--url", proxy.url) as chat:
            chat.see("> ")
            chat.press("Count from 1 to 30.\r")
            chat.see("waiting …")
            shown = chat.see(" ")
            proxy.cut()
            while "> " not in shown:
                shown += chat.see(" ")
            assert proxy.accepted >= 2
    first_words = whole.stdout.split()[:3]
    assert all(word in shown for word in first_words)
