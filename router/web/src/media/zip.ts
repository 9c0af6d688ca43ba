/**
 * A ZIP file of files that are compressed already, such as PNG: they are stored as they are.
 *
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, without ZIP64, so 4 GiB and 65,535 files at most.
 */
export interface ZipEntry {
  readonly name: string;
  readonly content: Blob;
  readonly modified: Date;
}

const LOCAL_HEAD = 0x04034b50;
const CENTRAL_HEAD = 0x02014b50;
const END_HEAD = 0x06054b50;
const VERSION = 20;
const UTF8_NAMES = 0x0800;
/** The length of the comment, the number of the disk, and attributes: all 0. */
const NO_COMMENT_BYTES = 10;
const MAX_BYTES = 0xffff_ffff;

/** @throws RangeError more than ZIP can hold. */
export async function zip(entries: readonly ZipEntry[]): Promise<Blob> {
  if (entries.length > 0xffff) throw new RangeError("too many files for one archive");
  const parts: BlobPart[] = [];
  const central: BlobPart[] = [];
  let offset = 0;
  let centralBytes = 0;
  for (const entry of entries) {
    const name = new TextEncoder().encode(entry.name);
    const fields = sharedFields(entry, name, crc32(new Uint8Array(await entry.content.arrayBuffer())));
    const local = [uint32(LOCAL_HEAD), fields, name];
    const head = [
      uint32(CENTRAL_HEAD),
      uint16(VERSION),
      fields,
      new Uint8Array(NO_COMMENT_BYTES),
      uint32(offset),
      name,
    ];
    parts.push(...local.map(part), entry.content);
    central.push(...head.map(part));
    offset += bytesOf(local) + entry.content.size;
    centralBytes += bytesOf(head);
    if (offset + centralBytes > MAX_BYTES) throw new RangeError("too much for one archive");
  }
  const end = [
    uint32(END_HEAD),
    uint32(0),
    uint16(entries.length),
    uint16(entries.length),
    uint32(centralBytes),
    uint32(offset),
    uint16(0),
  ];
  return new Blob([...parts, ...central, ...end.map(part)], { type: "application/zip" });
}

/** What the head of a file and its line in the directory have in common. */
function sharedFields(entry: ZipEntry, name: Uint8Array, crc: number): Uint8Array {
  const { modified, content } = entry;
  const time = (modified.getHours() << 11) | (modified.getMinutes() << 5) | (modified.getSeconds() >> 1);
  const date =
    (Math.max(0, modified.getFullYear() - 1980) << 9) | ((modified.getMonth() + 1) << 5) | modified.getDate();
  const fields = [
    uint16(VERSION),
    uint16(UTF8_NAMES),
    uint16(0),
    uint16(time),
    uint16(date),
    uint32(crc),
    uint32(content.size),
    uint32(content.size),
    uint16(name.length),
    uint16(0),
  ];
  return joined(fields);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** The checksum of ZIP and PNG. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffff_ffff) >>> 0;
}

function uint16(value: number): Uint8Array {
  return new Uint8Array([value & 0xff, (value >> 8) & 0xff]);
}

function uint32(value: number): Uint8Array {
  return new Uint8Array([value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(bytesOf(parts));
  let at = 0;
  for (const piece of parts) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, piece) => sum + piece.length, 0);
}

function part(bytes: Uint8Array): BlobPart {
  return new Uint8Array(bytes);
}
