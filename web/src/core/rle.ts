/**
 * Masks as COCO run lengths: read down the columns, background first, in COCO's compressed ASCII form (5 bits a
 * character, every run but the first three stored as the difference to the one two places before it).
 *
 * A bitmap is kept column by column too (pixel x, y at x * height + y): each run is one fill, and the mask layer reads
 * it with swapped axes.
 */

/** A binary mask of height x width pixels; its runs cover the picture exactly. */
export interface Mask {
  readonly height: number;
  readonly width: number;
  readonly runs: Uint32Array;
}

/** Pixels x0 <= x < x1, y0 <= y < y1. */
export interface Bounds {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

const FIRST_CHARACTER = 48;
const LAST_CHARACTER = 48 + 63;

/** Read compressed counts. Throws RangeError for characters outside the format, a cut end or a negative run. */
export function decodeCounts(counts: Uint8Array): Uint32Array {
  const runs: number[] = [];
  let position = 0;
  while (position < counts.length) {
    let value = 0;
    let unit = 1;
    let more = true;
    while (more) {
      const character = counts[position++];
      if (character === undefined) throw new RangeError("run lengths end in the middle of a number");
      if (character < FIRST_CHARACTER || character > LAST_CHARACTER) {
        throw new RangeError(`run lengths have no character of code ${character}`);
      }
      const bits = character - FIRST_CHARACTER;
      value += (bits & 31) * unit;
      unit *= 32;
      more = (bits & 32) !== 0;
      if (!more && (bits & 16) !== 0) value -= unit;
    }
    if (runs.length > 2) value += runs[runs.length - 2] ?? 0;
    if (value < 0 || value > 0xffffffff) throw new RangeError(`a run has ${value} pixels`);
    runs.push(value);
  }
  return Uint32Array.from(runs);
}

/** Write runs in COCO's compressed form. */
export function encodeCounts(runs: Uint32Array): string {
  let text = "";
  for (let i = 0; i < runs.length; i++) {
    let value = runs[i] ?? 0;
    if (i > 2) value -= runs[i - 2] ?? 0;
    let more = true;
    while (more) {
      let bits = value & 31;
      value = Math.floor(value / 32);
      more = (bits & 16) !== 0 ? value !== -1 : value !== 0;
      if (more) bits |= 32;
      text += String.fromCharCode(bits + FIRST_CHARACTER);
    }
  }
  return text;
}

/** A mask from runs; throws RangeError where they don't cover height x width pixels. */
export function asMask(height: number, width: number, runs: Uint32Array): Mask {
  let total = 0;
  for (const run of runs) total += run;
  if (height < 1 || width < 1 || total !== height * width) {
    throw new RangeError(`runs cover ${total} pixels, expected ${height} x ${width}`);
  }
  return { height, width, runs };
}

/** The mask without any foreground. */
export function emptyMask(height: number, width: number): Mask {
  return { height, width, runs: Uint32Array.of(height * width) };
}

/** Foreground pixels. */
export function area(mask: Mask): number {
  let sum = 0;
  for (let i = 1; i < mask.runs.length; i += 2) sum += mask.runs[i] ?? 0;
  return sum;
}

/** Whether the pixel that holds the point (x right, y down) is foreground; false outside the picture. */
export function contains(mask: Mask, x: number, y: number): boolean {
  const column = Math.floor(x);
  const row = Math.floor(y);
  if (column < 0 || row < 0 || column >= mask.width || row >= mask.height) return false;
  const index = column * mask.height + row;
  let end = 0;
  for (let i = 0; i < mask.runs.length; i++) {
    end += mask.runs[i] ?? 0;
    if (index < end) return i % 2 === 1;
  }
  return false;
}

/** The smallest bounds around the foreground; null for an empty mask. */
export function bounds(mask: Mask): Bounds | null {
  const { height, runs } = mask;
  let x0 = Number.POSITIVE_INFINITY;
  let y0 = height;
  let x1 = 0;
  let y1 = 0;
  let start = 0;
  for (let i = 0; i < runs.length; i++) {
    const length = runs[i] ?? 0;
    if (i % 2 === 1 && length > 0) {
      const last = start + length - 1;
      const first = Math.floor(start / height);
      const final = Math.floor(last / height);
      x0 = Math.min(x0, first);
      x1 = Math.max(x1, final + 1);
      if (final > first) {
        y0 = 0;
        y1 = height;
      } else {
        y0 = Math.min(y0, start - first * height);
        y1 = Math.max(y1, last - first * height + 1);
      }
    }
    start += length;
  }
  return x1 === 0 ? null : { x0, y0, x1, y1 };
}

/** All pixels column by column, `value` where foreground and 0 elsewhere. */
export function toBitmap(mask: Mask, value = 1): Uint8Array<ArrayBuffer> {
  const bitmap = new Uint8Array(mask.height * mask.width);
  let start = 0;
  for (let i = 0; i < mask.runs.length; i++) {
    const end = start + (mask.runs[i] ?? 0);
    if (i % 2 === 1) bitmap.fill(value, start, end);
    start = end;
  }
  return bitmap;
}

/** The inverse of `toBitmap`: anything but 0 is foreground. */
export function fromBitmap(height: number, width: number, bitmap: Uint8Array): Mask {
  const runs: number[] = [];
  let start = 0;
  let foreground = false;
  for (let i = 0; i < bitmap.length; i++) {
    if ((bitmap[i] !== 0) !== foreground) {
      runs.push(i - start);
      start = i;
      foreground = !foreground;
    }
  }
  runs.push(bitmap.length - start);
  return asMask(height, width, Uint32Array.from(runs));
}

/** The pixels within `box` (which may reach beyond the picture), column by column, 255 where foreground. */
export function crop(mask: Mask, box: Bounds): Uint8Array<ArrayBuffer> {
  const rows = box.y1 - box.y0;
  const pixels = new Uint8Array(rows * (box.x1 - box.x0));
  let start = 0;
  for (let i = 0; i < mask.runs.length; i++) {
    const end = start + (mask.runs[i] ?? 0);
    if (i % 2 === 1) {
      // A run may go on over several columns: one fill for each.
      for (let at = start; at < end; ) {
        const column = Math.floor(at / mask.height);
        const columnStart = column * mask.height;
        const stop = Math.min(end, columnStart + mask.height);
        if (column >= box.x0 && column < box.x1) {
          const top = Math.max(at - columnStart, box.y0) - box.y0;
          const bottom = Math.min(stop - columnStart, box.y1) - box.y0;
          const offset = (column - box.x0) * rows;
          if (bottom > top) pixels.fill(255, offset + top, offset + bottom);
        }
        at = stop;
      }
    }
    start = end;
  }
  return pixels;
}
