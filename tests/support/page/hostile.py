"""Texts that try to run, to load or to deceive, as answers, names and files could hold them."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page

from router.web.built import BUILT

HOSTILE = BUILT.with_name("src") / "render" / "hostile.json"


def hostile_texts() -> dict[str, list[str]]:
    """The texts by what they try."""
    texts: dict[str, list[str]] = json.loads(HOSTILE.read_text(encoding="utf-8"))
    return texts


def expect_harmless(page: Page) -> None:
    """Nothing has run, and nothing is there that a person could be led by."""
    assert page.evaluate("window.nexaWasHere") is None
    assert page.locator("iframe, object, embed, base, form[action], script:not([src]), style").count() == 0
    links = page.locator("main a[href]").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert [link for link in links if not link.startswith(("http://", "https://", "mailto:", "#/"))] == []
    assert page.evaluate("[...document.querySelectorAll('img')].every((image) => image.currentSrc.startsWith(origin))")


def exported_chat(title: str, answers: list[str], name: str) -> dict[str, Any]:
    """A file of chats with one chat in it, in which ``name`` names all that has a name."""
    messages: list[dict[str, Any]] = []
    for number, text in enumerate(answers):
        parent = messages[-1]["id"] if messages else None
        common = {"parent": parent, "created": 0, "text": text}
        asked = {"files": [{"kind": "text", "name": name, "text": text}]}
        messages.append({**common, "id": f"q{number}", "role": "user", **asked})
        call = {"id": name, "name": name, "args": text, "result": text}
        said = {"model": name, "state": "failed", "thought": text, "calls": [call], "finish": text, "error": text}
        messages.append({**common, "id": f"a{number}", "parent": f"q{number}", "role": "assistant", **said})
    settings = {"system": name, "tools": name}
    chat = {"id": "c", "title": title, "created": 0, "changed": 0, "pinned": True, "model": name, "settings": settings}
    chats = [{**chat, "tip": messages[-1]["id"], "messages": messages}]
    return {"format": "nexa-chats", "version": 1, "chats": chats}
