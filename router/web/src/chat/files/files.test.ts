import { expect, test } from "vitest";

import { fenced } from "./fence";
import { decoded, MAX_TEXT_BYTES, readFile } from "./read";

const bytes = (...given: number[]) => new Uint8Array(given).buffer;

test("a text is what is UTF-8 and has no zero", () => {
  expect(decoded(new TextEncoder().encode("Grüße\n").buffer as ArrayBuffer)).toBe("Grüße\n");
  expect(decoded(bytes(0x89, 0x50, 0x4e, 0x47))).toBeNull();
  expect(decoded(bytes(0x61, 0x00))).toBeNull();
});

test("files that a model cannot read are refused, each with its reason", async () => {
  const picture = new File(["x"], "p.png", { type: "image/png" });
  await expect(readFile(picture, false)).rejects.toMatchObject({ reason: "no_pictures", fileName: "p.png" });
  await expect(readFile(new File([new Uint8Array([0xff])], "a.zip"), true)).rejects.toMatchObject({
    reason: "not_text",
  });
  const large = new File(["x".repeat(MAX_TEXT_BYTES + 1)], "large.txt");
  await expect(readFile(large, true)).rejects.toMatchObject({ reason: "too_large" });
});

test("pictures become data URLs where the model takes them; texts stay texts", async () => {
  expect(await readFile(new File(["x"], "p.png", { type: "image/png" }), true)).toEqual({
    kind: "image",
    name: "p.png",
    url: "data:image/png;base64,eA==",
  });
  expect(await readFile(new File(["a = 1"], "a.py"), false)).toEqual({ kind: "text", name: "a.py", text: "a = 1" });
});

test("a fence is longer than any in the text", () => {
  expect(fenced({ name: "x", text: "a\n" })).toBe("x:\n```\na\n```");
  expect(fenced({ name: "x.TXT", text: "`````" })).toBe("x.TXT:\n``````txt\n`````\n``````");
});
