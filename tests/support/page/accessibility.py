"""What people with a keyboard, a screen reader, a small or an enlarged screen need of a page."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.sync_api import Page

from router.web.built import BUILT

_AXE = BUILT.with_name("node_modules") / "axe-core" / "axe.min.js"

_FINDINGS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, any, all, none }) => ({
      id, impact, target: target.join(" "), why: [...any, ...all, ...none].map((check) => check.message).join("; "),
    })));
}"""

_BEYOND = """() => {
  const width = document.documentElement.clientWidth + 1;
  const clips = (element) => {
    for (let outer = element.parentElement; outer !== null; outer = outer.parentElement) {
      const isOwn = getComputedStyle(outer).overflowX !== "visible" && outer.getBoundingClientRect().right <= width;
      if (isOwn) return outer.id !== "main" && !outer.matches(".view");
    }
    return false;
  };
  const isBeyond = (element) => element.checkVisibility() && getComputedStyle(element).position !== "absolute"
    && element.getBoundingClientRect().right > width && !clips(element);
  const found = [...document.body.querySelectorAll("*")].filter(isBeyond);
  const scrolled = document.scrollingElement.scrollWidth > width ? ["the page scrolls"] : [];
  return [...scrolled, ...found.map((element) => element.outerHTML.slice(0, 120))];
}"""

_CONTROLS = """() => {
  const open = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document;
  const all = open.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const usable = [...all].filter((element) => element.tabIndex >= 0 && !element.disabled && !element.closest("[inert]")
    && element.checkVisibility({ visibilityProperty: true }) && element.type !== "radio" && element.type !== "file");
  usable.forEach((element, index) => (element.dataset.control = index));
  return usable.map((element) => element.outerHTML.slice(0, 160));
}"""

_FOCUSED = """async () => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  const style = getComputedStyle(element);
  const isPlayer = element instanceof HTMLMediaElement; // the browser rings the part of it that has the focus
  const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const ownRing = isPlayer || isOutlined || style.boxShadow !== "none";
  const around = () => {
    const looks = [];
    for (let outer = element, level = 0; outer !== null && level < 6; outer = outer.parentElement, level++) {
      const { borderColor, boxShadow, outlineColor, outlineWidth } = getComputedStyle(outer);
      looks.push([borderColor, boxShadow, outlineColor, outlineWidth]);
    }
    return JSON.stringify(looks);
  };
  const shown = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const differs = async () => {
    await shown();
    const focused = around();
    element.blur();
    await shown();
    const left = around();
    element.focus();
    return focused !== left;
  };
  return [element.dataset.control ?? null, ownRing || (await differs()), element.outerHTML.slice(0, 160)];
}"""


@cache
def _axe() -> str:
    assert _AXE.is_file(), f"{_AXE} is missing: cd router/web && npm ci"
    return _AXE.read_text(encoding="utf-8")


def barriers(page: Page) -> list[dict[str, Any]]:
    """What axe finds serious or critical."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate(_FINDINGS)
    return [finding for finding in found if finding["impact"] in ("serious", "critical")]


def beyond_the_edge(page: Page) -> list[str]:
    """What a reader would have to scroll sideways for; parts that scroll in themselves (code, tables) may."""
    found: list[str] = page.evaluate(_BEYOND)
    return found


def out_of_reach(page: Page) -> list[str]:
    """Controls that the Tab key does not reach, or on which it is not seen; of a dialog if one is open."""
    controls: list[str] = page.evaluate(_CONTROLS)
    reached: set[int] = set()
    unseen: list[str] = []
    for _ in range(2 * len(controls) + 4):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused is not None:
            control, seen, html = focused
            reached |= set() if control is None else {int(control)}
            unseen += [] if seen else [f"not seen: {html}"]
    missed = [html for index, html in enumerate(controls) if index not in reached]
    return [*(f"not reached: {html}" for html in missed), *dict.fromkeys(unseen)]


def motions(page: Page) -> list[str]:
    """Animations that run although the reader has asked for none."""
    found: list[str] = page.evaluate(
        """() => document.getAnimations().filter((motion) => motion.effect.getComputedTiming().duration > 1)
             .map((motion) => motion.effect.target.outerHTML.slice(0, 120))"""
    )
    return found
