"""All views by keyboard, screen reader and on small screens, light and dark, with something in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.media.asking import data_url
from tests.support.media.waves import tone_file
from tests.support.page.accessibility import barriers, beyond_the_edge, motions, out_of_reach
from tests.support.page.browser import Open
from tests.support.page.chat import ChatPage
from tests.support.page.hostile import exported_chat
from tests.support.recordings import JFK
from tests.support.running_server import RunningServer

RICH = """# Answer

Some **bold**, *soft*, ~~wrong~~ and `code` words with [a link](https://docs.python.org/3/), $e^{i\\pi} = -1$ and
a picture ![of a cat](https://example.org/cat.png).

1. first
   - [x] done
   - [ ] to do

> quoted

```python
def answer(question: str) -> int:
    \"\"\"The answer.\"\"\"
    return 42  # as everybody knows, with a comment that is rather long, so that this line is wider than a phone
```

| Name | Size | What it is for, in more words than a phone is wide | And more |
|:-----|-----:|:--:|---|
| a | 10 | x | a word in a cell |

$$
\\int_{-\\infty}^{\\infty} e^{-x^2}\\,dx = \\sqrt{\\pi} + \\begin{pmatrix} a & b & c & d & e & f & g \\end{pmatrix}
$$

Averyveryverylongwordthatdoesnotfitonaphone_averyveryverylongwordthatdoesnotfitonaphone_andgoesonandonandon
"""
Show = Callable[[Page], None]
WIDTHS = {"desktop": 1280, "enlarged": 640, "phone": 390, "small": 320}


def chat_view(page: Page, folder: Path) -> None:
    """A chat with an answer that has everything."""
    exported = exported_chat("Everything", [RICH, "a short one"], "notes.txt")
    for message in exported["chats"][0]["messages"][1::2]:
        message |= {"state": "done", "error": None, "calls": []}
    recording = {"kind": "audio", "name": "tone.wav", "url": data_url(tone_file(440), "audio/wav")}
    exported["chats"][0]["messages"][0]["files"].append(recording)
    (folder / "chats.json").write_text(json.dumps(exported))
    page.locator("input[aria-label='Load chats from a file']").set_input_files(folder / "chats.json")
    page.get_by_role("link", name="Everything", include_hidden=True).first.evaluate("link => link.click()")
    expect(ChatPage(page).answers).to_have_count(2)
    expect(page.locator(".word.keyword").first).to_be_attached()
    expect(page.locator(".markdown math").first).to_be_attached()


def plain_view(name: str) -> Callable[[Page, Path], None]:
    """A view as it is when it is opened."""

    def show(page: Page, _folder: Path) -> None:
        page.goto(f"/#/{name}")
        expect(page.locator("main h1, main h2").first).to_be_attached()

    return show


def status_view(page: Page, _folder: Path) -> None:
    """The state of the server, with a dialog that asks before an order is given."""
    page.goto("/#/status")
    page.get_by_role("button", name="Restart smollm2/0").click()
    expect(page.get_by_role("dialog", name="Restart smollm2/0?")).to_be_visible()


def picture_view(page: Page, _folder: Path) -> None:
    """A picture that was made, alone on the screen."""
    page.goto("/#/pictures")
    page.get_by_label("Prompt", exact=True).fill("A lighthouse at dawn")
    page.get_by_role("combobox", name="Size").select_option("own")
    for name, value in {"Width": "64", "Height": "64", "Steps": "1"}.items():
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Paint", exact=True).click()
    page.get_by_role("button", name="Open: A lighthouse at dawn").click()
    expect(page.get_by_role("button", name="Again with this seed")).to_be_visible()


def transcript_view(page: Page, _folder: Path) -> None:
    """A transcript that is whole."""
    page.goto("/#/speech")
    page.get_by_label("Recordings").set_input_files(JFK)
    page.locator(".transcript:not(:has(.transcript-state)) .segment p").first.wait_for()


CONTENTS = {"order": status_view, "picture": picture_view, "transcript": transcript_view}
VIEWS = {"chat": chat_view, **CONTENTS, **{name: plain_view(name) for name in ("pictures", "speech", "status", "help")}}


@pytest.fixture(params=VIEWS)
def show(request: pytest.FixtureRequest, tmp_path: Path) -> Show:
    """Shows a view with something in it."""
    prepare = VIEWS[request.param]
    return lambda page: prepare(page, tmp_path)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(server: RunningServer, visit: Open, show: Show, phone: bool) -> None:
    page, _ = visit(server.url, phone=phone)
    show(page)
    assert barriers(page) == []
    page.emulate_media(color_scheme="dark")
    assert barriers(page) == []


def test_all_controls_are_reached_by_keyboard(server: RunningServer, visit: Open, show: Show) -> None:
    page, _ = visit(server.url)
    show(page)
    assert out_of_reach(page) == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_is_beyond_the_edge(server: RunningServer, visit: Open, show: Show, width: int) -> None:
    page, _ = visit(server.url, phone=width < 640)
    page.set_viewport_size({"width": width, "height": 600})
    show(page)
    assert beyond_the_edge(page) == []


def test_nothing_moves_for_who_wants_that(server: RunningServer, visit: Open, show: Show) -> None:
    page, _ = visit(server.url)
    show(page)
    assert motions(page) == []


def test_the_skip_link_leads_past_the_frame(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    expect(page.get_by_role("navigation", name="Views")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_a_dialog_keeps_the_focus_and_gives_it_back(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    opener = page.get_by_role("button", name="Settings of")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Settings of")
    expect(dialog).to_be_visible()
    assert barriers(page) == []
    assert out_of_reach(page) == []
    assert dialog.evaluate(
        "dialog => dialog.contains(document.activeElement) || document.activeElement === document.body"
    )
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_key_is_asked_for_without_barriers(visit: Open, locked: RunningServer, phone: bool) -> None:
    page, faults = visit(locked.url, phone=phone)
    faults.expect("401")
    expect(page.get_by_role("dialog", name="API key")).to_be_visible()
    expect(page.get_by_label("Key", exact=True)).to_be_focused()
    assert barriers(page) == []
    assert out_of_reach(page) == []
    assert beyond_the_edge(page) == []
