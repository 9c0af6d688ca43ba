import { expect, test } from "vitest";

import { crc32 } from "../../media/zip";
import { MAX_TEXT_BYTES, pngText } from "./png";

const SIGNATURE = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(kind: string, content: Uint8Array, length = content.length): Blob {
  const body = new Uint8Array([...new TextEncoder().encode(kind), ...content]);
  const frame = new DataView(new ArrayBuffer(8));
  frame.setUint32(0, length);
  frame.setUint32(4, crc32(body));
  return new Blob([frame.buffer.slice(0, 4), body, frame.buffer.slice(4)]);
}

function png(...chunks: readonly Blob[]): Blob {
  return new Blob([SIGNATURE, chunk("IHDR", new Uint8Array(13)), ...chunks, chunk("IEND", new Uint8Array())]);
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...text].map((char) => char.charCodeAt(0)));
}

async function deflated(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

test("a text is found behind other chunks", async () => {
  const file = png(
    chunk("tEXt", bytes("Title\0no")),
    chunk("IDAT", new Uint8Array(100)),
    chunk("tEXt", bytes("parameters\0caf\xe9")),
  );
  expect(await pngText(file, "parameters")).toBe("café");
  expect(await pngText(file, "other")).toBeNull();
});

test("international texts are UTF-8, compressed or not", async () => {
  const head = (compressed: number) => new Uint8Array([...bytes("parameters\0"), compressed, 0, ...bytes("en\0x\0")]);
  const plain = new Uint8Array([...head(0), ...new TextEncoder().encode("日本")]);
  expect(await pngText(png(chunk("iTXt", plain)), "parameters")).toBe("日本");
  const packed = new Uint8Array([...head(1), ...(await deflated("日本"))]);
  expect(await pngText(png(chunk("iTXt", packed)), "parameters")).toBe("日本");
});

test("a compressed text is read up to a limit", async () => {
  const packed = async (text: string) =>
    png(chunk("zTXt", new Uint8Array([...bytes("parameters\0"), 0, ...(await deflated(text))])));
  expect(await pngText(await packed("hello"), "parameters")).toBe("hello");
  expect(await pngText(await packed("a".repeat(MAX_TEXT_BYTES + 1)), "parameters")).toBeNull();
});

test.each([
  ["an empty file", new Blob()],
  ["another file", new Blob(["GIF89a".padEnd(100, "x")])],
  ["only the signature", new Blob([SIGNATURE])],
  ["a length beyond the end", png(chunk("tEXt", bytes("parameters\0x"), 0xffff_fff0))],
  ["a text without an end of its keyword", png(chunk("tEXt", bytes("parameters")))],
  ["a text that is too long", png(chunk("tEXt", new Uint8Array(MAX_TEXT_BYTES + 1)))],
  ["an international text that breaks off", png(chunk("iTXt", bytes("parameters\0\x01\x00en")))],
  ["damaged compressed data", png(chunk("zTXt", bytes("parameters\0\0no zlib data")))],
  ["an unknown compression", png(chunk("zTXt", bytes("parameters\0\x07abc")))],
])("%s has no text", async (_, file) => {
  expect(await pngText(file, "parameters")).toBeNull();
});
