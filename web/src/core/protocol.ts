/** What goes over the WebSocket: the types of messages, and the binary form of a mask. */
import type { MediaItem } from "./openapi";
import { asMask, decodeCounts, type Mask } from "./rle";

export type { MediaItem } from "./openapi";

export interface ObjectInfo {
  readonly id: number;
  readonly name: string;
  readonly colour: string;
  readonly hidden: boolean;
  readonly locked: boolean;
}

/** First and last frame, both included. */
export type Span = readonly [first: number, last: number];
export type Presence = "present" | "absent" | "unsure";
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

export interface Prompt {
  readonly points: readonly (readonly [number, number])[];
  readonly labels: readonly (0 | 1)[];
  readonly box: Box | null;
}

export interface Lane {
  readonly prompted: readonly number[];
  readonly edited: readonly number[];
  readonly runs: readonly (readonly [first: number, last: number, presence: Presence])[];
  /** Clicks and boxes by frame, as far as the server tells them. */
  readonly prompts?: Readonly<Record<string, Prompt>>;
}

export interface Job {
  readonly job: number;
  readonly frame?: number;
  readonly done?: number;
  readonly total?: number;
  readonly rate?: number;
}

export type Direction = "forward" | "backward" | "both";

/** Each command with its arguments; coordinates are pixels of the full-size frame. */
export interface Commands {
  "object-add": { name?: string; colour?: string };
  "object-change": { object: number; name?: string; colour?: string; hidden?: boolean; locked?: boolean };
  "object-delete": { object: number };
  "object-merge": { objects: readonly number[]; into: number };
  /** Of an object, or (null) of a new one; so is `mask`. */
  prompt: { frame: number; object: number | null; fresh: boolean } & Prompt;
  mask: { frame: number; object: number | null; counts: string };
  candidates: { frame: number; object: number };
  choose: { frame: number; object: number; candidate: number };
  preview: { frame: number; x: number; y: number };
  /** Of a frame, of frames `start` .. `stop` - 1, or of all. */
  clear: { frame?: number; start?: number; stop?: number; object?: number };
  /** All of them in their order; those of one `gesture`, one after the other, are one edit. */
  effects: { effects: readonly object[]; gesture: string | null };
  /**
   * `stop` is the first frame that is not visited (backward it may be -1), null for the end of the media. With "both",
   * `start` counts only beside a `stop`: then start <= frame < stop are visited, from the prompts outwards.
   */
  track: { direction: Direction; start: number; stop: number | null; objects: readonly number[] | null };
  stop: { job: number };
  masks: { start: number; stop: number };
  cursor: { frame: number };
  undo: Record<never, never>;
  redo: Record<never, never>;
}

/** What `done` carries, for the commands whose answer says more than that they are done. */
export interface Answers {
  "object-add": { object: number };
  prompt: { object: number; candidates: number };
  mask: { object: number };
  /** Which these are, as `hello` and `objects` tell. */
  effects: { effects: number };
  track: { job: number };
}
export type Answer<T extends keyof Commands> = T extends keyof Answers ? Answers[T] : unknown;

export type ServerMessage =
  | {
      type: "hello";
      sequence: number;
      media: MediaItem;
      objects: ObjectInfo[];
      lanes: Record<string, Lane>;
      undo: boolean;
      redo: boolean;
      effects: number;
      job: Job | null;
    }
  | { type: "objects"; sequence: number; objects: ObjectInfo[]; undo: boolean; redo: boolean; effects: number }
  | { type: "lanes"; sequence: number; lanes: Record<string, Lane | null> }
  | { type: "dropped"; sequence: number; object: number; frames: Span[] }
  | { type: "progress"; job: number; frame: number; done: number; total: number; rate: number }
  | { type: "finished"; job: number; state: "done" | "stopped" | "failed"; error: string | null }
  | { type: "done"; request: number }
  | { type: "error"; request: number | null; message: string };

export type MaskKind = "stored" | "preview" | "candidate";

/** One mask of one object in one frame, as it arrives. */
export interface MaskMessage {
  readonly kind: MaskKind;
  readonly visible: boolean;
  readonly prompted: boolean;
  readonly edited: boolean;
  readonly object: number;
  readonly frame: number;
  /** Of a stored mask the server's sequence number, of the others the request that it answers. */
  readonly number: number;
  /** Logit of the object score: below 0 the object is absent. */
  readonly score: number;
  /** Predicted IoU, 0..1. */
  readonly iou: number;
  readonly mask: Mask;
}

const HEADER_BYTES = 24;
const KINDS: readonly (MaskKind | undefined)[] = [undefined, "stored", "preview", "candidate"];

/** Read a binary message: 24 bytes of header (little endian), then the counts. Throws RangeError for anything else. */
export function readMask(buffer: ArrayBuffer): MaskMessage {
  if (buffer.byteLength < HEADER_BYTES) {
    throw new RangeError(`a mask message has at least ${HEADER_BYTES} bytes, got ${buffer.byteLength}`);
  }
  const view = new DataView(buffer);
  const kind = KINDS[view.getUint8(0)];
  if (kind === undefined) throw new RangeError(`a mask message is of kind 1, 2 or 3, got ${view.getUint8(0)}`);
  const flags = view.getUint8(1);
  const height = view.getUint16(20, true);
  const width = view.getUint16(22, true);
  return {
    kind,
    visible: (flags & 1) !== 0,
    prompted: (flags & 2) !== 0,
    edited: (flags & 4) !== 0,
    object: view.getUint16(2, true),
    frame: view.getUint32(4, true),
    number: view.getUint32(8, true),
    score: view.getFloat32(12, true),
    iou: view.getFloat32(16, true),
    mask: asMask(height, width, decodeCounts(new Uint8Array(buffer, HEADER_BYTES))),
  };
}

/** Read a text message. Throws SyntaxError where it is no JSON object with a type. */
export function readMessage<M extends { type: string } = ServerMessage>(text: string): M {
  const message: unknown = JSON.parse(text);
  if (typeof message !== "object" || message === null || !("type" in message) || typeof message.type !== "string") {
    throw new SyntaxError("a message is a JSON object with a type");
  }
  return message as M;
}
