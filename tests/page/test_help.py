"""The help of a page that came over a connection the browser does not trust."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.support.page.browser import Open
from tests.support.running_server import RunningServer

UNTRUSTED = "Object.defineProperty(window, 'isSecureContext', { value: false });"


def untrusted(page: Page, *, https: bool, ca: bool) -> None:
    """Have the page believe that it came over plain HTTP, from a server with or without HTTPS of its own."""

    def told(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"https": https, "ca": ca})

    page.add_init_script(UNTRUSTED)
    page.route("**/v1/server", told)
    page.reload()
    page.get_by_role("link", name="Why the microphone is missing").click()


def test_without_https_it_says_what_the_server_needs(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    untrusted(page, https=False, ca=False)
    expect(page.get_by_role("heading", name="Microphone and clipboard")).to_be_visible()
    expect(page.get_by_text("nexa cert", exact=False).first).to_be_visible()
    expect(page.get_by_role("link", name="Download the authority's certificate")).to_be_hidden()


def test_with_an_authority_it_shows_the_way_on_this_device(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    untrusted(page, https=True, ca=True)
    download = page.get_by_role("link", name="Download the authority's certificate")
    expect(download).to_have_attribute("href", f"{server.url}/nexa-ca.crt")
    expect(page.get_by_role("link", name="open this page over HTTPS")).to_have_attribute(
        "href", f"{server.url.replace('http:', 'https:')}/"
    )
    expect(page.locator("details[open] summary")).to_have_text("Linux")


def test_on_a_trusted_connection_there_is_nothing_to_do(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    expect(page.get_by_role("navigation", name="Views")).to_be_visible()
    expect(page.get_by_role("link", name="Why the microphone is missing")).to_have_count(0)
    page.goto("/#/help")
    expect(page.get_by_text("Your browser trusts this connection")).to_be_visible()
