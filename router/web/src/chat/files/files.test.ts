import { expect, test } from "vitest";

import { server } from "../../api/server";
import type { AttachedFile } from "../store/types";
import { fenced } from "./fence";
import { fitting } from "./fitting";
import { decoded, MAX_FILES, MAX_TEXT_BYTES, maxMediumBytes, readFile } from "./read";

const bytes = (...given: number[]) => new Uint8Array(given).buffer;

test("a text is what is UTF-8 and has no zero", () => {
  expect(decoded(new TextEncoder().encode("Grüße\n").buffer as ArrayBuffer)).toBe("Grüße\n");
  expect(decoded(bytes(0x89, 0x50, 0x4e, 0x47))).toBeNull();
  expect(decoded(bytes(0x61, 0x00))).toBeNull();
});

test("files that a model cannot read are refused, each with its reason", async () => {
  const picture = new File(["x"], "p.png", { type: "image/png" });
  await expect(readFile(picture, ["audio"])).rejects.toMatchObject({ reason: "no_pictures", fileName: "p.png" });
  const sound = new File(["x"], "s.mp3", { type: "audio/mpeg" });
  await expect(readFile(sound, ["image"])).rejects.toMatchObject({ reason: "no_recordings", fileName: "s.mp3" });
  await expect(readFile(new File([new Uint8Array([0xff])], "a.zip"), ["image"])).rejects.toMatchObject({
    reason: "not_text",
  });
  const large = new File(["x".repeat(MAX_TEXT_BYTES + 1)], "large.txt");
  await expect(readFile(large, ["image"])).rejects.toMatchObject({ reason: "too_large" });
});

test("pictures become data URLs where the model takes them; texts stay texts", async () => {
  expect(await readFile(new File(["x"], "p.png", { type: "image/png" }), ["image"])).toEqual({
    kind: "image",
    name: "p.png",
    url: "data:image/png;base64,eA==",
  });
  expect(await readFile(new File(["a = 1"], "a.py"), [])).toEqual({ kind: "text", name: "a.py", text: "a = 1" });
});

test("recordings become data URLs where the model takes them, the sound of videos too", async () => {
  const said = new File(["x"], "s.webm", { type: "audio/webm;codecs=opus" });
  expect(await readFile(said, ["audio"])).toEqual({
    kind: "audio",
    name: "s.webm",
    url: "data:audio/webm;base64,eA==",
  });
  expect(await readFile(new File(["x"], "v.mp4", { type: "video/mp4" }), ["audio"])).toMatchObject({ kind: "audio" });
});

test("a picture may be as large as the server takes in a body", async () => {
  server.value = { limits: { max_upload_bytes: 100, max_body_bytes: 10 } } as unknown as typeof server.value;
  expect(maxMediumBytes()).toBe(7);
  const picture = new File(["12345678"], "p.png", { type: "image/png" });
  await expect(readFile(picture, ["image"])).rejects.toMatchObject({ reason: "too_large" });
  server.value = null;
});

test("pictures and recordings are as many as the server takes in a chat, and files as many as in a message", () => {
  const medium = (name: string): AttachedFile => ({ kind: "image", name, url: "data:image/png;base64,AA==" });
  const text: AttachedFile = { kind: "text", name: "t", text: "a" };
  const named = (files: readonly AttachedFile[]) => files.map(({ name }) => name);
  expect(named(fitting([medium("a"), text, medium("b"), text], 1))).toEqual(["a", "t", "t"]);
  expect(named(fitting([medium("a"), text], -1))).toEqual(["t"]);
  expect(fitting(new Array(MAX_FILES + 1).fill(text), 16)).toHaveLength(MAX_FILES);
});

test("a fence is longer than any in the text", () => {
  expect(fenced({ name: "x", text: "a\n" })).toBe("x:\n```\na\n```");
  expect(fenced({ name: "x.TXT", text: "`````" })).toBe("x.TXT:\n``````txt\n`````\n``````");
});
