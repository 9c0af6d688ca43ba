import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, test, vi } from "vitest";

import { texts } from "../texts";
import { copyText } from "./copy";
import { Toasts } from "./toast";

test("a browser that refuses to copy is no fault of the page, and the user is told", async () => {
  const root = document.createElement("div");
  act(() => render(<Toasts />, root));
  const writeText = vi.fn().mockRejectedValueOnce(new DOMException("", "NotAllowedError"));
  Object.defineProperty(window, "isSecureContext", { value: true, configurable: true });
  Object.defineProperty(navigator, "clipboard", { value: { writeText }, configurable: true });
  await act(async () => {
    expect(await copyText("a")).toBe(false);
    expect(await copyText("a")).toBe(true);
  });
  expect([...root.querySelectorAll(".toast")].map((toast) => toast.textContent)).toEqual([
    texts.app.notCopied,
    texts.app.copied,
  ]);
});
