import { expect, test } from "vitest";

import { crc32, zip } from "./zip";

const MODIFIED = new Date(2026, 10, 26, 20, 30, 10);

test("the checksum is that of the standard", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("an archive has each file as it is, and a directory at its end", async () => {
  const archive = await zip([
    { name: "a.png", content: new Blob(["hello"]), modified: MODIFIED },
    { name: "é.png", content: new Blob(["you"]), modified: MODIFIED },
  ]);
  const bytes = new Uint8Array(await archive.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const end = bytes.length - 22;
  expect(view.getUint32(end, true)).toBe(0x06054b50);
  expect(view.getUint16(end + 10, true)).toBe(2);
  const directory = view.getUint32(end + 16, true);
  expect(directory + view.getUint32(end + 12, true)).toBe(end);
  const second = directory + 46 + 5;
  expect(view.getUint32(second, true)).toBe(0x02014b50);
  const local = view.getUint32(second + 42, true);
  expect(view.getUint32(local, true)).toBe(0x04034b50);
  const name = bytes.slice(local + 30, local + 30 + view.getUint16(local + 26, true));
  expect(new TextDecoder().decode(name)).toBe("é.png");
  const start = local + 30 + name.length;
  expect(new TextDecoder().decode(bytes.slice(start, start + 3))).toBe("you");
  expect(view.getUint16(local + 10, true)).toBe((20 << 11) | (30 << 5) | 5);
  expect(view.getUint16(local + 12, true)).toBe((46 << 9) | (11 << 5) | 26);
});
