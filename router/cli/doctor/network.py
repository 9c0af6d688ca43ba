"""``nexa doctor --lan``: whether other devices reach this machine, and what to type on them."""

from __future__ import annotations

import http.server
import io
import queue
import shutil
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

import segno

from router.cli.doctor.serving import DEFAULT_PORT, Answering, who_answers
from router.cli.machine.addresses import is_ip_address, names_of_machine, private_addresses
from router.http.certificates.local_authority import AUTHORITY_PATH
from shared.addresses import in_url
from shared.logs.escaping import escaped

WAIT_S = 120.0
"""How long the test waits for another device."""

REACHED_TEXT = b"This device reaches the machine of your nexa server.\n"


class LanError(Exception):
    """The test cannot be made. The message is one line."""


def run_lan_test(port: int, wait_s: float = WAIT_S) -> int:
    """Check the running server from this machine's own addresses, or listen there until a device comes.

    Returns the exit code: 0 if devices can reach the server, or one did; 1 otherwise.

    Raises:
        LanError: this machine has no private address, or the port cannot be used.
    """
    addresses = private_addresses()
    if not addresses:
        raise LanError("this machine has no private address, so it is in no home or office network; see: ip address")
    running = who_answers(port)
    if running.listens and not running.url:
        raise LanError(f"port {port} is taken by another program; --port takes another one")
    if running.url:
        return _check_server(port, running, addresses)
    return _listen(port, addresses, wait_s)


def _check_server(port: int, running: Answering, addresses: Sequence[str]) -> int:
    urls = [found.url for address in addresses if (found := who_answers(port, address)).url]
    if not urls:
        _say(f"The server at {running.url} listens for this machine only. For others, start it with:")
        _say(f"  nexa server MODEL --host 0.0.0.0{f' --port {port}' if port != DEFAULT_PORT else ''}")
        _say(_KEYS)
        return 1
    _say("Type one of these on another device in the same network:")
    show_addresses(urls)
    _say(_firewall(port))
    if urls[0].startswith("http:"):
        _say("Without HTTPS, browsers on other devices have no microphone and no clipboard: nexa cert, docs/https.md.")
    else:
        _say(f"A device that does not trust the certificate installs {urls[0]}{AUTHORITY_PATH} first: docs/https.md.")
    return 0


def _listen(port: int, addresses: Sequence[str], wait_s: float) -> int:
    reached: queue.SimpleQueue[str] = queue.SimpleQueue()
    servers = _listeners(port, addresses, reached)
    try:
        _say(f"No server runs at port {port}, so this test listens there. Open one of these on another device:")
        show_addresses([f"http://{in_url(address)}:{port}" for address in addresses])
        _say(f"Waiting {wait_s:.0f} s for a device (Ctrl-C ends it) …")
        try:
            device = reached.get(timeout=wait_s)
        except queue.Empty:
            _say(f"No device came. {_firewall(port)} Is the device in the same network, and not in a guest network?")
            return 1
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
    _say(f"Reached from {device}. The network lets other devices in; now start a server for them:")
    _say("  nexa server MODEL --host 0.0.0.0")
    _say(_KEYS)
    return 0


_KEYS = (
    "It wants a key from everyone: nexa key create NAME makes one per person, NEXA_API_KEY sets one for all, and "
    "--insecure asks for none."
)


def show_addresses(urls: Sequence[str]) -> None:
    """Print the URLs, those with this machine's names too, and the first one as a QR code."""
    scheme, _, rest = urls[0].partition("://")
    port = rest.rpartition(":")[2]
    named = [f"{scheme}://{name}:{port}" for name in names_of_machine() if not is_ip_address(name)]
    for url in urls:
        _say(f"  {url}")
    for url in named:
        _say(f"  {url}   (if the network knows this name)")
    drawn = io.StringIO()
    segno.make(f"{urls[0]}/", error="l", micro=False).terminal(drawn, compact=True)
    sys.stdout.write(f"\n{drawn.getvalue()}\n")


def _listeners(
    port: int, addresses: Sequence[str], reached: queue.SimpleQueue[str]
) -> list[http.server.ThreadingHTTPServer]:
    """A server per address, not on all addresses: this machine may have public ones too."""

    class Greeter(http.server.BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(REACHED_TEXT)))
            self.end_headers()
            self.wfile.write(REACHED_TEXT)
            reached.put(str(self.client_address[0]))

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: whoever runs the test sees what it says."""

    servers: list[http.server.ThreadingHTTPServer] = []
    for address in addresses:
        kind = _IPv6Server if ":" in address else http.server.ThreadingHTTPServer
        try:
            servers.append(kind((address, port), Greeter))
        except OSError as error:
            for server in servers:
                server.server_close()
            reason = f"port {port} of {address} cannot be used: {error.strerror}"
            raise LanError(f"{reason}; --port takes another one") from None
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return servers


class _IPv6Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def _firewall(port: int) -> str:
    """What to do if a firewall keeps devices out, for those of this machine."""
    commands = {"ufw": f"sudo ufw allow {port}/tcp", "firewall-cmd": f"sudo firewall-cmd --add-port={port}/tcp"}
    found = [command for program, command in commands.items() if shutil.which(program)]
    return f"If it does not load there, a firewall may be in the way{f': {found[0]}' if found else ''}."


def _say(line: str) -> None:
    print(escaped(line))
