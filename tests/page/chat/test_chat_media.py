"""Pictures and recordings in chats: chosen, pasted, dropped and recorded, for a model that sees and hears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from scripts.make_media.cache import made
from tests.support.media.asking import colour_file, data_url, in_base64, names_of
from tests.support.media.waves import tone_file
from tests.support.page.browser import TIMEOUT_MS, Open
from tests.support.page.chat import ChatPage
from tests.support.running_server import RunningServer, running

GIVE = """
([way, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], `${way}.png`, {type: 'image/png'}));
  const options = {bubbles: true, cancelable: true};
  const event = way === 'paste'
    ? new ClipboardEvent('paste', {...options, clipboardData: given})
    : new DragEvent('drop', {...options, dataTransfer: given});
  document.querySelector('.composer-box').dispatchEvent(event);
}
"""
"""Pastes or drops a picture, as a browser does it."""


@pytest.fixture(scope="module")
def seeing() -> Iterator[RunningServer]:
    """``smolvlm`` names colours, and hears; ``smollm2`` takes text only. Nothing writes speech down."""
    with running(str(made("smolvlm").model), "smollm2", "--nctx", "4096") as ready:
        yield ready


def picture(colour: str) -> FilePayload:
    return {"name": f"{colour}.png", "mimeType": "image/png", "buffer": colour_file(colour)}


def choose(page: Page, *files: FilePayload) -> None:
    page.locator(".composer input[type=file]").set_input_files(list(files))


def added(page: Page) -> Any:
    return page.get_by_role("list", name="Added files").get_by_role("listitem")


@pytest.mark.parametrize("way", ["choose", "paste", "drop"])
def test_a_picture_is_seen_and_stays_in_the_chat(seeing: RunningServer, visit: Open, way: str) -> None:
    page, _ = visit(seeing.url)
    chat = ChatPage(page)
    chat.set(longest_answer="8", temperature="0")
    if way == "choose":
        choose(page, picture("blue"))
    else:
        page.evaluate(GIVE, [way, in_base64(colour_file("blue"))])
    expect(added(page)).to_have_count(1)
    shown, text = chat.ask("Name the colour.")["messages"][0]["content"]
    assert shown == {"type": "image_url", "image_url": {"url": data_url(colour_file("blue"))}}
    assert text == {"type": "text", "text": "Name the colour."}
    chat.wait_ended()
    assert names_of(chat.said()) == ["blue"]
    page.reload()
    expect(chat.questions.first.get_by_role("img")).to_be_visible()
    messages = chat.ask("Sure?")["messages"]
    assert messages[0]["content"][0] == shown
    expect(chat.answers).to_have_count(2)
    chat.wait_ended()


def test_what_the_server_would_refuse_is_not_added(seeing: RunningServer, visit: Open) -> None:
    page, _ = visit(seeing.url)
    chat = ChatPage(page)
    chat.set(longest_answer="1")
    choose(page, *[picture("red")] * 17)
    expect(page.get_by_text("Up to 16 pictures and recordings go with a chat.")).to_be_visible()
    expect(added(page)).to_have_count(16)
    chat.ask("")
    chat.wait_ended()
    choose(page, picture("blue"), {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    expect(added(page)).to_have_text(["a.txt1 B"])


def test_a_recording_is_made_heard_and_played_again(seeing: RunningServer, visit: Open) -> None:
    page, _ = visit(seeing.url)
    chat = ChatPage(page)
    chat.set(longest_answer="4")
    expect(page.get_by_role("button", name="Speak")).to_be_hidden()
    page.get_by_role("button", name="Add a recording").click()
    expect(page.locator(".composer-told")).to_contain_text("1 s", timeout=TIMEOUT_MS)
    page.get_by_role("button", name="Stop recording").click()
    expect(added(page)).to_have_text(["recording.webm"])
    choose(page, {"name": "tone.wav", "mimeType": "audio/wav", "buffer": tone_file(440)})
    expect(added(page)).to_have_text(["recording.webm", "tone.wav"])
    spoken, tone, _ = chat.ask("What was it?")["messages"][0]["content"]
    assert spoken["input_audio"]["data"].startswith("data:audio/webm;base64,")
    assert tone["input_audio"]["data"].startswith("data:audio/wav;base64,")
    expect(chat.answers.last).to_have_attribute("aria-busy", "false")
    expect(chat.answers.last.get_by_role("alert")).to_have_count(0)
    page.reload()
    player = chat.questions.first.get_by_label("tone.wav")
    page.wait_for_function("player => player.readyState > 0", arg=player.element_handle())
    assert player.evaluate("player => player.duration") == pytest.approx(1, abs=0.1)


def test_a_model_that_takes_text_only_is_given_none(seeing: RunningServer, visit: Open) -> None:
    page, _ = visit(seeing.url)
    page.get_by_role("combobox", name="Model").select_option("smollm2")
    expect(page.get_by_role("button", name="Add a recording")).to_be_hidden()
    choose(page, picture("red"), {"name": "tone.wav", "mimeType": "audio/wav", "buffer": tone_file(440)})
    expect(page.get_by_text("red.png: this model does not take pictures.")).to_be_visible()
    expect(page.get_by_text("tone.wav: this model does not take recordings.")).to_be_visible()
    expect(added(page)).to_have_count(0)
