/** What a pointer draws on the picture, from pen down to pen up. Coordinates are pixels of the full-size frame. */
import type { Box } from "./protocol";
import { drawStroke, fillPolygon } from "./raster";
import { emptyMask, fromBitmap, type Mask, toBitmap } from "./rle";
import { isInside, type Point, type Size } from "./view";

export type Tool = "click" | "box" | "lasso" | "brush" | "eraser" | "hand";

/** A finished movement: what it asks for. */
export type Gesture =
  | { readonly kind: "click"; readonly at: Point; readonly label: 0 | 1 }
  | { readonly kind: "box"; readonly box: Box }
  | { readonly kind: "lasso"; readonly outline: readonly Point[]; readonly value: 0 | 1 }
  | { readonly kind: "stroke"; readonly line: readonly Point[]; readonly radius: number; readonly value: 0 | 1 };

/** A movement that goes on. */
export interface Trace {
  readonly tool: Exclude<Tool, "hand">;
  readonly points: readonly Point[];
  readonly value: 0 | 1;
  readonly radius: number;
}

export interface PenSettings {
  readonly tool: Exclude<Tool, "hand">;
  /** 1 adds to the object, 0 takes away. */
  readonly value: 0 | 1;
  /** Of brush and eraser, in pixels of the frame. */
  readonly radius: number;
}

/** A box smaller than this on a side is a slip of the hand. */
const SMALLEST_BOX = 2;

export class Pen {
  readonly #picture: Size;
  #settings: PenSettings | null = null;
  #points: Point[] = [];

  constructor(picture: Size) {
    this.#picture = picture;
  }

  get trace(): Trace | null {
    return this.#settings === null ? null : { ...this.#settings, points: this.#points };
  }

  down(at: Point, settings: PenSettings): void {
    this.#settings = settings;
    this.#points = [at];
  }

  move(at: Point): void {
    if (this.#settings === null) return;
    if (this.#settings.tool === "box") this.#points = [this.#points[0] ?? at, at];
    else if (this.#settings.tool !== "click") this.#points.push(at);
  }

  cancel(): void {
    this.#settings = null;
    this.#points = [];
  }

  /** Lift the pen; null where the movement asks for nothing (outside the picture, too small). */
  up(): Gesture | null {
    const settings = this.#settings;
    const points = this.#points;
    this.cancel();
    const first = points[0];
    const last = points.at(-1);
    if (settings === null || first === undefined || last === undefined) return null;
    switch (settings.tool) {
      case "click":
        return isInside(this.#picture, first) ? { kind: "click", at: first, label: settings.value } : null;
      case "box":
        return this.#box(first, last);
      case "lasso":
        return points.length < 3 ? null : { kind: "lasso", outline: points, value: settings.value };
      case "brush":
        return { kind: "stroke", line: points, radius: settings.radius, value: 1 };
      case "eraser":
        return { kind: "stroke", line: points, radius: settings.radius, value: 0 };
    }
  }

  #box(a: Point, b: Point): Gesture | null {
    const { width, height } = this.#picture;
    const box: Box = [
      Math.max(0, Math.min(a.x, b.x)),
      Math.max(0, Math.min(a.y, b.y)),
      Math.min(width, Math.max(a.x, b.x)),
      Math.min(height, Math.max(a.y, b.y)),
    ];
    return box[2] - box[0] < SMALLEST_BOX || box[3] - box[1] < SMALLEST_BOX ? null : { kind: "box", box };
  }
}

/** The mask after a lasso or a stroke; null where it changes nothing. */
export function edited(
  before: Mask | null,
  picture: Size,
  gesture: Extract<Gesture, { kind: "lasso" | "stroke" }>,
): Mask | null {
  const mask = before ?? emptyMask(picture.height, picture.width);
  const original = toBitmap(mask);
  const pixels = original.slice();
  const bitmap = { height: mask.height, width: mask.width, pixels };
  if (gesture.kind === "lasso") fillPolygon(bitmap, gesture.outline, gesture.value);
  else drawStroke(bitmap, gesture.line, gesture.radius, gesture.value);
  if (pixels.every((pixel, i) => pixel === original[i])) return null;
  return fromBitmap(mask.height, mask.width, pixels);
}
