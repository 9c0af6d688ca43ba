"""What a page transfers, by the browser's own count."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, CDPSession


def transferred(browser: Browser, url: str, until: Callable[..., None]) -> dict[str, int]:
    """Bytes over the wire (compressed, with headers) by path, for a browser that has nothing of the page yet.

    ``until(page)`` returns when the page shows what is meant.
    """
    context = browser.new_context(base_url=url)
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        sizes = _Sizes(session)
        page.goto(url)
        until(page)
        return {address.removeprefix(url): size for address, size in sizes.by_address().items()}
    finally:
        context.close()


class _Sizes:
    def __init__(self, session: CDPSession) -> None:
        self._addresses: dict[str, str] = {}
        self._bytes: dict[str, int] = {}
        session.on("Network.requestWillBeSent", self._on_request)
        session.on("Network.loadingFinished", self._on_finished)

    def by_address(self) -> dict[str, int]:
        return {self._addresses[request]: size for request, size in self._bytes.items()}

    def _on_request(self, event: dict[str, object]) -> None:
        request = event["request"]
        assert isinstance(request, dict)
        self._addresses[str(event["requestId"])] = str(request["url"])

    def _on_finished(self, event: dict[str, object]) -> None:
        self._bytes[str(event["requestId"])] = int(str(event["encodedDataLength"]).partition(".")[0])
