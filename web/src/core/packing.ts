/** Many files as one: a ZIP archive without compression, made of slices, so that nothing is copied into memory. */

/** A file and the name that it is to have in the archive. */
export interface PackedFile {
  readonly path: string;
  readonly file: File;
}

const CHUNK_BYTES = 1 << 20;
const MOST_FILES = 65_535;
const MOST_BYTES = 2 ** 32 - 1;
const UTF8_NAMES = 1 << 11;
/** 1 January 1980: the same files make the same archive at any time, so that an upload can go on later. */
const DATE = 0x0021;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The checksum that ZIP asks for; `before` is that of the bytes before these. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (const byte of bytes) value = (value >>> 8) ^ (TABLE[(value ^ byte) & 255] ?? 0);
  return ~value >>> 0;
}

/** Pack files in their order. Throws RangeError for more than an archive holds, AbortError when told to stop. */
export async function pack(files: readonly PackedFile[], signal: AbortSignal): Promise<Blob> {
  if (files.length > MOST_FILES)
    throw new RangeError(`a folder may have ${MOST_FILES} files, this has ${files.length}`);
  const parts: BlobPart[] = [];
  const directory: BlobPart[] = [];
  let offset = 0;
  for (const { path, file } of files) {
    const name = new TextEncoder().encode(path);
    const checksum = await checksumOf(file, signal);
    parts.push(header(0x04034b50, name.length, checksum, file.size), name, file);
    directory.push(header(0x02014b50, name.length, checksum, file.size, offset), name);
    offset += 30 + name.length + file.size;
    if (offset > MOST_BYTES) throw new RangeError("a folder may have 4 GiB");
  }
  const size = directory.reduce((sum, part) => sum + (part as Uint8Array).byteLength, 0);
  return new Blob([...parts, ...directory, end(files.length, size, offset)]);
}

async function checksumOf(file: File, signal: AbortSignal): Promise<number> {
  let checksum = 0;
  for (let at = 0; at < file.size; at += CHUNK_BYTES) {
    signal.throwIfAborted();
    checksum = crc32(new Uint8Array(await file.slice(at, at + CHUNK_BYTES).arrayBuffer()), checksum);
  }
  return checksum;
}

/** The head of a file (APPNOTE 4.3.7), or its entry in the directory (4.3.12), which knows where that head is. */
function header(mark: number, name: number, checksum: number, size: number, offset?: number): Uint8Array<ArrayBuffer> {
  const isEntry = offset !== undefined;
  const view = new DataView(new ArrayBuffer(isEntry ? 46 : 30));
  view.setUint32(0, mark, true);
  if (isEntry) view.setUint16(4, 20, true);
  const at = isEntry ? 6 : 4;
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, UTF8_NAMES, true);
  view.setUint16(at + 8, DATE, true);
  view.setUint32(at + 10, checksum, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, name, true);
  if (isEntry) view.setUint32(42, offset, true);
  return new Uint8Array(view.buffer);
}

/** The end of the directory (APPNOTE 4.3.16). */
function end(files: number, size: number, offset: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(22));
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, files, true);
  view.setUint16(10, files, true);
  view.setUint32(12, size, true);
  view.setUint32(16, offset, true);
  return new Uint8Array(view.buffer);
}
