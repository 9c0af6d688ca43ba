/**
 * Texts in a PNG file (https://www.w3.org/TR/png-3/). The file may be anybody's: nothing of it is trusted, and only a
 * bounded part of it is read.
 */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;
const HEAD_BYTES = 8;
const CHECKSUM_BYTES = 4;
const MAX_CHUNKS = 10_000;
/** Longer texts are no parameters. */
export const MAX_TEXT_BYTES = 256 * 1024;

/** The text with this keyword; null if the file has none, or is no PNG file. */
export async function pngText(file: Blob, keyword: string): Promise<string | null> {
  let found: string | null = null;
  for await (const [kind, content] of textChunks(file)) {
    found ??= await textOf(kind, content, keyword);
    if (found !== null) return found;
  }
  return null;
}

async function* textChunks(file: Blob): AsyncGenerator<[kind: string, content: Uint8Array<ArrayBuffer>]> {
  const start = await bytesOf(file, 0, SIGNATURE.length);
  if (!SIGNATURE.every((byte, index) => start[index] === byte)) return;
  let place = SIGNATURE.length;
  for (let count = 0; count < MAX_CHUNKS && place + HEAD_BYTES <= file.size; count++) {
    const head = await bytesOf(file, place, HEAD_BYTES);
    const length = new DataView(head.buffer).getUint32(0);
    const kind = latin1(head.subarray(4));
    place += HEAD_BYTES;
    if (kind === "IEND" || place + length > file.size) return;
    if (isText(kind) && length <= MAX_TEXT_BYTES) yield [kind, await bytesOf(file, place, length)];
    place += length + CHECKSUM_BYTES;
  }
}

/** The text of a chunk if it has this keyword and can be read. */
async function textOf(kind: string, content: Uint8Array<ArrayBuffer>, keyword: string): Promise<string | null> {
  const end = content.indexOf(0);
  if (end < 0 || latin1(content.subarray(0, end)) !== keyword) return null;
  const rest = content.subarray(end + 1);
  if (kind === "tEXt") return latin1(rest);
  if (kind === "zTXt") return rest[0] === 0 ? decoded(await inflated(rest.subarray(1)), "latin1") : null;
  const [compressed, method] = rest;
  const languageEnd = rest.indexOf(0, 2);
  const translatedEnd = languageEnd < 0 ? -1 : rest.indexOf(0, languageEnd + 1);
  if (translatedEnd < 0) return null;
  const text = rest.subarray(translatedEnd + 1);
  if (compressed === 0) return decoded(text, "utf-8");
  return compressed === 1 && method === 0 ? decoded(await inflated(text), "utf-8") : null;
}

/** What zlib data decompress to; null if they are damaged or become too much. */
async function inflated(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array | null> {
  const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const whole = new Uint8Array(MAX_TEXT_BYTES);
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return whole.subarray(0, length);
      if (length + value.length > MAX_TEXT_BYTES) {
        await reader.cancel();
        return null;
      }
      whole.set(value, length);
      length += value.length;
    }
  } catch {
    return null; // damaged: not the text that was looked for
  }
}

function isText(kind: string): boolean {
  return kind === "tEXt" || kind === "iTXt" || kind === "zTXt";
}

async function bytesOf(file: Blob, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(start, start + length).arrayBuffer());
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function decoded(bytes: Uint8Array | null, encoding: "utf-8" | "latin1"): string | null {
  if (bytes === null) return null;
  return encoding === "latin1" ? latin1(bytes) : new TextDecoder().decode(bytes);
}
