"""Speech in the page: transcripts as they come, words that can be heard, files, the microphone."""

from __future__ import annotations

import io
import re
import wave
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from router.api.audio.subtitles import srt, vtt
from shared.wire.payloads import Segment
from tests.support.page.accessibility import barriers
from tests.support.page.browser import Open, opened, speaking_browser
from tests.support.recordings import JFK, JFK_WORDS, SPANISH, encoded, words_of
from tests.support.running_server import RunningServer, running, wait_until

JFK_FILE: FilePayload = {"name": "jfk.flac", "mimeType": "audio/flac", "buffer": JFK.read_bytes()}
DONE = ".transcript:not(:has(.transcript-state))"


@pytest.fixture
def speech(server: RunningServer, visit: Open, tmp_path: Path) -> Page:
    """The speech view of a new user."""
    page, _ = visit(server.url, downloads=tmp_path)
    page.goto("/#/speech")
    page.get_by_role("heading", name="New transcript").wait_for()
    return page


def give(page: Page, *files: FilePayload) -> None:
    page.get_by_label("Recordings").set_input_files(list(files))


def heard(page: Page) -> list[str]:
    """The words of the open transcript, once it is whole."""
    page.locator(DONE).wait_for()
    return words_of(" ".join(page.locator(".segment p").all_inner_texts()))


def audio(page: Page, name: str) -> Any:
    """A property of the player."""
    return page.get_by_label("The recording").evaluate(f"audio => audio.{name}")


def repeated(source: Path, times: int) -> bytes:
    """``source`` several times in a row, as a WAV file."""
    with wave.open(io.BytesIO(encoded(source, "wav", "pcm_s16le", rate=16_000, layout="mono"))) as once:
        parameters, frames = once.getparams(), once.readframes(once.getnframes())
    target = io.BytesIO()
    with wave.open(target, "wb") as writing:
        writing.setparams(parameters)
        writing.writeframes(frames * times)
    return target.getvalue()


def saved(page: Page, form: str, folder: Path) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download {form}").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == f"jfk.{form}"
    return path.read_text()


def written_by_server(server: RunningServer) -> dict[str, str]:
    """The files that the server's own code makes of the recording. The times of words make those of segments finer."""
    fields = {"model": "faster-whisper-tiny", "response_format": "verbose_json"}
    data = {**fields, "timestamp_granularities[]": ["word", "segment"]}
    answer = server.client.post("/v1/audio/transcriptions", files={"file": JFK.read_bytes()}, data=data).json()
    segments = [
        Segment(number, row["start"], row["end"], row["text"], [], 0.0, 0.0, 0.0, 0.0)
        for number, row in enumerate(answer["segments"])
    ]
    return {"txt": answer["text"] + "\n", "srt": srt(segments), "vtt": vtt(segments)}


def test_a_recording_is_transcribed_and_its_files_are_the_servers(
    speech: Page, server: RunningServer, tmp_path: Path
) -> None:
    give(speech, JFK_FILE)
    assert heard(speech) == JFK_WORDS
    expect(speech.get_by_text(re.compile("0:11 · heard: English"))).to_be_visible()
    expected = written_by_server(server)
    assert {form: saved(speech, form, tmp_path) for form in expected} == expected
    speech.get_by_role("button", name="Copy").click()
    assert words_of(speech.evaluate("navigator.clipboard.readText()")) == JFK_WORDS
    speech.reload()
    assert heard(speech) == JFK_WORDS


def test_a_click_on_a_word_plays_from_there_and_marks_what_is_heard(speech: Page) -> None:
    give(speech, JFK_FILE)
    heard(speech)
    word = speech.locator(".heard", has_text=re.compile("^country")).first
    start_s = float(word.get_attribute("data-at") or "-1")
    assert 3 < start_s < 8
    player = speech.get_by_label("The recording")
    player.evaluate("audio => audio.playbackRate = 0.1")  # slow enough to be looked at
    word.click()
    wait_until(lambda: audio(speech, "currentTime") >= start_s, "it plays from there")
    expect(word).to_have_class(re.compile("said"))
    expect(speech.locator(".heard.said")).to_have_count(1)
    player.evaluate("audio => audio.playbackRate = 1")
    expect(speech.locator(".heard").last).to_have_class(re.compile("said"))  # it stays at the end
    expect(word).not_to_have_class(re.compile("said"))
    assert barriers(speech) == []


def test_a_segment_is_played_by_keyboard(speech: Page) -> None:
    give(speech, JFK_FILE)
    heard(speech)
    speech.get_by_role("button", name=re.compile("Play from 0:")).last.press("Enter")
    wait_until(lambda: not audio(speech, "paused"), "it plays")


def test_a_changed_text_is_kept_and_goes_into_the_files(speech: Page, tmp_path: Path) -> None:
    give(speech, JFK_FILE)
    heard(speech)
    speech.get_by_role("button", name="Edit").click()
    text = speech.get_by_label(re.compile("Text at 0:00"))
    text.fill("Friends --> & <all>")
    speech.get_by_role("button", name="Done").click()
    expect(speech.locator(".segment p").first).to_have_text("Friends --> & <all>")
    speech.reload()
    expect(speech.locator(".segment p").first).to_have_text("Friends --> & <all>")
    assert "Friends -> &amp; &lt;all>\n" in saved(speech, "vtt", tmp_path)


def test_several_recordings_are_heard_one_after_another_and_deleted(speech: Page) -> None:
    give(speech, JFK_FILE, {**JFK_FILE, "name": "second.flac"})
    speech.get_by_role("link", name=re.compile("^second.flac")).click()
    expect(speech.get_by_role("article", name="second.flac")).to_be_visible()
    assert heard(speech) == JFK_WORDS
    speech.get_by_role("button", name="Delete", exact=True).click()
    speech.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(speech.get_by_role("link", name=re.compile("^second.flac"))).to_be_hidden()
    speech.get_by_role("link", name=re.compile("^jfk.flac")).click()
    assert heard(speech) == JFK_WORDS


def test_a_language_is_heard_and_translated_where_the_model_can(visit: Open) -> None:
    spanish: FilePayload = {"name": "spanish.ogg", "mimeType": "audio/ogg", "buffer": SPANISH.read_bytes()}
    with running("faster-whisper-tiny", "faster-whisper-base") as server:
        page, _ = visit(server.url)
        page.goto("/#/speech")
        task = page.get_by_role("combobox", name="Write it down")
        page.get_by_role("combobox", name="Model").select_option("faster-whisper-tiny")  # knows only English
        expect(task).to_be_hidden()
        page.get_by_role("combobox", name="Model").select_option("faster-whisper-base")
        page.get_by_role("combobox", name="Language").select_option(label="Spanish")
        give(page, spanish)
        assert {"amigos", "familia", "presidente"} <= set(heard(page))
        expect(page.get_by_text(re.compile("heard: Spanish"))).to_be_visible()
        task.select_option(label="in English")
        expect(page.get_by_role("combobox", name="Language")).to_be_disabled()
        give(page, spanish)
        expect(page.get_by_text(re.compile("· in English ·"))).to_be_visible()
        assert {"friends", "family", "president"} <= set(heard(page))


def test_what_is_no_recording_is_told_in_the_servers_words(server: RunningServer, visit: Open) -> None:
    page, faults = visit(server.url)
    faults.expect("415")
    page.goto("/#/speech")
    give(page, {"name": "notes.mp3", "mimeType": "audio/mpeg", "buffer": b"These are only words.\n" * 50})
    expect(page.get_by_text(re.compile("Not transcribed: file: "))).to_be_visible()
    expect(page.get_by_role("button", name="Transcribe again")).to_be_visible()


def test_a_reload_in_mid_transcript_goes_on(speech: Page, server: RunningServer) -> None:
    give(speech, {"name": "long.wav", "mimeType": "audio/wav", "buffer": repeated(JFK, 12)})
    speech.locator(".segment").first.wait_for()
    [job] = server.client.get("/v1/jobs").json()["data"][-1:]
    speech.reload()
    words = heard(speech)
    assert words.count("americans") == 12
    assert server.client.get("/v1/jobs").json()["data"][-1]["id"] == job["id"]


def test_a_recording_of_the_microphone_is_transcribed(server: RunningServer, chromium: Browser, tmp_path: Path) -> None:
    wav = tmp_path / "jfk.wav"
    wav.write_bytes(encoded(JFK, "wav", "pcm_s16le", rate=48_000, layout="mono"))
    with speaking_browser(chromium, wav) as speaking, opened(speaking, server.url) as (page, _):
        page.goto("/#/speech")
        page.get_by_role("button", name="Record", exact=True).click()
        recording = page.get_by_role("group", name="Recording")
        wait_until(lambda: recording.get_by_label("Loudness").evaluate("meter => meter.value") > 0.3, "it is loud")
        expect(recording.get_by_text("0:12")).to_be_visible()
        page.get_by_role("button", name="Stop and transcribe").click()
        assert {"ask", "country", "you"} <= set(heard(page))
        page.locator(".heard").last.click()
        wait_until(lambda: audio(page, "currentTime") > 1, "it plays from the last word")


def test_without_a_secure_page_the_microphone_is_explained(server: RunningServer, visit: Open) -> None:
    page, _ = visit(server.url)
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.goto("/#/speech")
    page.reload()
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_disabled()
    expect(page.get_by_text("Browsers allow the microphone only on secure pages")).to_be_visible()
    expect(page.get_by_role("link", name="How to get there")).to_have_attribute("href", "#/help")
