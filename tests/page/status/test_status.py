"""The status view: the server's state, its curves, and what the operator does there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.models.gguf_builder import build_gguf
from tests.support.models.hub_server import FakeRepo, HubServer, serve_hub
from tests.support.page.browser import Open
from tests.support.page.status import show, with_keys
from tests.support.running_server import RunningServer, running

GGUF = build_gguf(tensors=[("t", (2048, 512))])
SQUEEZED = "document.querySelector('.view').scrollWidth > document.querySelector('.view').clientWidth"
MEASURED = re.compile(r" [1-9]\d*(\.\d)? (ms|s|%)")
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with two workers and no keys."""
    folder = tmp_path_factory.mktemp("echo")
    with running("echo", "--workers", "2", "--key-file", str(folder / "keys.sqlite3")) as server:
        yield server


def pid_of(server: RunningServer, name: str) -> int | None:
    found: int | None = next(row["pid"] for row in server.workers() if row["name"] == name)
    return found


def counted(page: Page, path: str) -> Callable[[], int]:
    """How many requests to this path the page has sent since."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if path in request.url else None)
    return lambda: len(seen)


def test_models_workers_and_curves_are_shown_and_live(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    show(page)
    models = page.get_by_role("region", name="Models", exact=True)
    row = models.get_by_role("row").filter(has_text="smollm2")
    expect(row).to_contain_text("Ready")
    expect(row).to_contain_text("0 of 16")
    expect(models.get_by_role("row").filter(has_text="faster-whisper-tiny")).to_contain_text("Speech")
    tokens = page.get_by_role("img", name=re.compile("^Tokens per second"))
    tokens.locator("canvas").wait_for()
    server.post("/v1/completions", {"model": "smollm2", "prompt": "One", "max_tokens": 60})
    expect(page.get_by_role("img", name="Time to first token")).to_have_attribute("aria-label", MEASURED)
    expect(page.get_by_role("img", name="Machine")).to_have_attribute("aria-label", MEASURED)


def test_loads_are_events_with_their_time(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    show(page)
    event = page.get_by_role("region", name="Events").get_by_role("listitem").filter(has_text="echo/0").first
    expect(event).to_contain_text("Ready")


def test_a_hidden_page_asks_for_nothing(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    show(page)
    page.evaluate(HIDE, True)
    page.wait_for_timeout(1000)  # what was asked before may still be on its way
    asked = counted(page, "/v1/")
    page.wait_for_timeout(5000)
    assert asked() == 0
    with page.expect_request("**/v1/server/curves*"):
        page.evaluate(HIDE, False)


def test_only_what_is_new_is_asked_for(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    with page.expect_response("**/v1/server/curves*") as first:
        show(page)
    assert first.value.url.endswith("since=0")
    with page.expect_request(lambda request: "/curves?since=1" in request.url):
        pass


def test_a_worker_is_restarted_after_a_question(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    show(page)
    before = pid_of(echo, "echo/0")
    page.get_by_role("button", name="Restart echo/0").click()
    dialog = page.get_by_role("dialog", name="Restart echo/0?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert pid_of(echo, "echo/0") == before
    page.get_by_role("button", name="Restart echo/0").click()
    dialog.get_by_role("button", name="Restart", exact=True).click()
    expect(dialog).to_be_hidden()
    row = page.get_by_role("region", name="Workers").get_by_role("row").filter(has_text="echo/0")
    expect(row).not_to_contain_text(f"process {before}")
    expect(row).to_contain_text("Ready")
    events = page.get_by_role("region", name="Events")
    expect(events.get_by_role("listitem").filter(has_text="echo/0").filter(has_text="of service").first).to_be_visible()


def test_a_worker_is_drained_and_what_is_refused_is_said(echo: RunningServer, visit: Open) -> None:
    page, faults = visit(echo.url)
    faults.expect("409")
    show(page)
    workers = page.get_by_role("region", name="Workers")
    page.get_by_role("button", name="Drain echo/1").click()
    page.get_by_role("dialog").get_by_role("button", name="Drain", exact=True).click()
    expect(workers.get_by_role("row").filter(has_text="echo/1")).to_contain_text("Drained")
    page.get_by_role("button", name="Drain echo/0").click()
    dialog = page.get_by_role("dialog", name="Drain echo/0?")
    dialog.get_by_role("button", name="Drain", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("echo/0 is the only worker left for echo")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Restart echo/1").click()
    page.get_by_role("dialog").get_by_role("button", name="Restart", exact=True).click()
    expect(workers.get_by_role("row").filter(has_text="echo/1")).to_contain_text("Ready")


def test_who_is_not_the_operator_sees_the_state_and_only_the_own_usage(visit: Open, tmp_path: Path) -> None:
    with with_keys(tmp_path) as (server, _, anna):
        server.post("/v1/completions", {"prompt": "One"})
        page, faults = visit(server.url)
        faults.expect("401")
        show(page, anna)
        expect(page.get_by_role("heading", name="Your usage")).to_be_visible()
        expect(page.get_by_role("region", name="Your usage")).not_to_contain_text("boss")
        expect(page.get_by_role("heading", name="Your requests")).to_be_visible()
        for name in ("Keys", "Models on this machine"):
            expect(page.get_by_role("heading", name=name)).to_be_hidden()
        expect(page.get_by_role("button", name="Restart")).to_have_count(0)


def test_with_the_admin_socket_there_are_no_orders(visit: Open) -> None:
    with running("echo", "--admin-socket") as server:
        page, _ = visit(server.url)
        show(page)
        expect(page.get_by_text("Orders are given on the server's machine")).to_be_visible()
        expect(page.get_by_role("button", name="Restart")).to_have_count(0)
        expect(page.get_by_role("heading", name="Models on this machine")).to_be_hidden()


def test_usage_is_a_plot_and_a_table(visit: Open, tmp_path: Path) -> None:
    with with_keys(tmp_path) as (server, boss, _):
        for _ in range(3):
            server.post("/v1/completions", {"prompt": "One two", "max_tokens": 5})
        page, faults = visit(server.url)
        faults.expect("401")
        show(page, boss)
        usage = page.get_by_role("region", name="Usage")
        row = usage.get_by_role("row").filter(has_text="boss")
        expect(row.get_by_role("cell").first).to_have_text("3")
        expect(usage.get_by_role("img", name="Tokens by day and key")).to_be_visible()
        usage.get_by_label("What is shown").select_option("Requests")
        expect(usage.get_by_role("img", name="Requests by day and key")).to_be_visible()
        usage.get_by_role("button", name="7 days").click()
        assert usage.locator("svg g").count() == 7


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with serve_hub(owner__tiny=FakeRepo({"tiny-Q4_K_M.gguf": GGUF})) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("NEXA_MODELS", str(tmp_path / "models"))
        yield served


def test_a_model_is_fetched_with_progress_that_outlives_the_page_and_deleted(hub: HubServer, visit: Open) -> None:
    hub.held = threading.Event()
    with running("echo") as server:
        page, _ = visit(server.url)
        show(page)
        page.get_by_label("Fetch a model").fill("hf:owner/tiny")
        page.get_by_role("button", name="Fetch", exact=True).click()
        progress = page.get_by_role("progressbar", name="Fetching hf:owner/tiny")
        expect(progress).to_be_visible()
        page.reload()
        expect(progress).to_be_visible()
        expect(page.get_by_text("of 4.2 MB")).to_be_visible()
        hub.held.set()
        store = page.get_by_role("region", name="Models on this machine")
        expect(store.get_by_text("nexa server echo hf:owner/tiny")).to_be_visible()
        store.get_by_role("button", name="Dismiss hf:owner/tiny").click()
        store.get_by_role("button", name="Delete owner/tiny").click()
        question = page.get_by_role("dialog", name="Delete owner/tiny?")
        question.get_by_role("button", name="Delete", exact=True).click()
        expect(store.get_by_text("No model has been fetched yet.")).to_be_visible()


def test_a_fetching_is_stopped_and_a_wrong_name_told(hub: HubServer, visit: Open) -> None:
    hub.held = threading.Event()
    with running("echo") as server:
        page, faults = visit(server.url)
        faults.expect("404")
        show(page)
        page.get_by_label("Fetch a model").fill("qwen3:7b")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="expected a name of the catalog")).to_be_visible()
        page.get_by_label("Fetch a model").fill("hf:owner/tiny")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Stop fetching hf:owner/tiny").click()
        expect(page.get_by_text("Stopped", exact=True)).to_be_visible()
        hub.held.set()


@pytest.mark.parametrize("phone", [False, True])
def test_nothing_is_wider_than_the_page(echo: RunningServer, visit: Open, phone: bool) -> None:
    page, _ = visit(echo.url, phone=phone)
    show(page)
    page.locator(".chart canvas").first.wait_for()
    assert not page.evaluate(SQUEEZED)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_everything_is_reached_by_keyboard(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    show(page)
    page.get_by_role("button", name="Restart all").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Restart echo/0")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Restart echo/0?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Restart echo/0")).to_be_focused()


def test_curves_are_drawn_anew_when_the_page_turns_dark(echo: RunningServer, visit: Open) -> None:
    page, _ = visit(echo.url)
    show(page)
    canvas = page.get_by_role("img", name="Machine").locator("canvas")
    canvas.wait_for()
    canvas.evaluate("canvas => { canvas.dataset.old = 'yes'; }")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("canvas[data-old]")).to_have_count(0)
    expect(canvas).to_be_visible()
