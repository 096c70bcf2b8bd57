/** The masks that the page holds: by frame and object, in blocks of frames, bounded in bytes. */
import type { MaskMessage, Span } from "./protocol";

export const BLOCK_FRAMES = 32;

interface Block {
  /** Whether all stored masks of the block are here or on their way. */
  asked: boolean;
  bytes: number;
  readonly frames: Map<number, Map<number, MaskMessage>>;
}

const bytesOf = (mask: MaskMessage) => mask.mask.runs.byteLength + 128;

/**
 * Frames are grouped into blocks. `missing` names the blocks that the server has to be asked for; whole blocks are
 * given up, the one farthest from the frame in view first, when the masks pass `limit` bytes.
 */
export class MaskStore {
  readonly #limit: number;
  readonly #blocks = new Map<number, Block>();
  #bytes = 0;
  #focus = 0;

  constructor(limit = 64 << 20) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keep a mask, in place of an older one of the same object and frame. */
  put(mask: MaskMessage): void {
    const block = this.#block(mask.frame);
    let objects = block.frames.get(mask.frame);
    if (objects === undefined) {
      objects = new Map();
      block.frames.set(mask.frame, objects);
    }
    this.#grow(block, bytesOf(mask) - this.#bytesAt(objects, mask.object));
    objects.set(mask.object, mask);
    this.#shrink();
  }

  /** The masks of a frame by object. */
  at(frame: number): ReadonlyMap<number, MaskMessage> {
    return this.#blocks.get(Math.floor(frame / BLOCK_FRAMES))?.frames.get(frame) ?? new Map();
  }

  get(object: number, frame: number): MaskMessage | undefined {
    return this.at(frame).get(object);
  }

  /** Forget the masks of an object within some spans of frames; what may hold there now has to be asked for. */
  drop(object: number, spans: readonly Span[]): void {
    for (const [index, block] of this.#blocks) {
      const start = index * BLOCK_FRAMES;
      if (spans.some(([first, last]) => first < start + BLOCK_FRAMES && last >= start)) block.asked = false;
      for (const [frame, objects] of block.frames) {
        if (!objects.has(object) || !spans.some(([first, last]) => first <= frame && frame <= last)) continue;
        this.#grow(block, -this.#bytesAt(objects, object));
        objects.delete(object);
      }
    }
  }

  clear(): void {
    this.#blocks.clear();
    this.#bytes = 0;
  }

  /**
   * The frames start <= n < stop around `frame` that the server has to be asked for, and remember that it was:
   * the block of the frame and, where the frame is in the second half of it, the next.
   */
  missing(frame: number, frames: number): (readonly [start: number, stop: number])[] {
    this.#focus = frame;
    const here = Math.floor(frame / BLOCK_FRAMES);
    const wanted = frame % BLOCK_FRAMES < BLOCK_FRAMES / 2 ? [here] : [here, here + 1];
    const spans: (readonly [number, number])[] = [];
    for (const index of wanted) {
      const start = index * BLOCK_FRAMES;
      if (start >= frames) continue;
      const block = this.#block(start);
      if (block.asked) continue;
      block.asked = true;
      spans.push([start, Math.min(frames, start + BLOCK_FRAMES)]);
    }
    return spans;
  }

  /** The question for the block that begins at `start` failed: ask again when it is next looked at. */
  askAgain(start: number): void {
    const block = this.#blocks.get(Math.floor(start / BLOCK_FRAMES));
    if (block !== undefined) block.asked = false;
  }

  #block(frame: number): Block {
    const index = Math.floor(frame / BLOCK_FRAMES);
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = { asked: false, bytes: 0, frames: new Map() };
      this.#blocks.set(index, block);
    }
    return block;
  }

  #bytesAt(objects: ReadonlyMap<number, MaskMessage>, object: number): number {
    const mask = objects.get(object);
    return mask === undefined ? 0 : bytesOf(mask);
  }

  #grow(block: Block, bytes: number): void {
    block.bytes += bytes;
    this.#bytes += bytes;
  }

  #shrink(): void {
    const here = Math.floor(this.#focus / BLOCK_FRAMES);
    while (this.#bytes > this.#limit && this.#blocks.size > 1) {
      let farthest = here;
      for (const index of this.#blocks.keys()) {
        if (Math.abs(index - here) > Math.abs(farthest - here)) farthest = index;
      }
      if (farthest === here) return;
      this.#bytes -= this.#blocks.get(farthest)?.bytes ?? 0;
      this.#blocks.delete(farthest);
    }
  }
}
