import { expect, test } from "vitest";

import { isSendKey } from "./keys";

const ENTER = { key: "Enter", shiftKey: false, isComposing: false, keyCode: 13 };

test("Enter sends, except with Shift and on phones", () => {
  expect(isSendKey(ENTER, false)).toBe(true);
  expect(isSendKey({ ...ENTER, shiftKey: true }, false)).toBe(false);
  expect(isSendKey(ENTER, true)).toBe(false);
  expect(isSendKey({ ...ENTER, key: "a" }, false)).toBe(false);
});

test("the Enter that ends a composition does not send, in Safari's words too", () => {
  expect(isSendKey({ ...ENTER, isComposing: true }, false)).toBe(false);
  expect(isSendKey({ ...ENTER, keyCode: 229 }, false)).toBe(false);
});
