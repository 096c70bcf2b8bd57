/** The outlines of a mask, from its runs: what a disc costs grows with its girth instead of its area. */
import type { Mask } from "./rle";

/**
 * Closed outlines of the foreground along the edges of its pixels: x and y of the corners in turns, clockwise around the
 * foreground and anticlockwise around holes. Pixels that touch at a corner only share that corner.
 */
export function contours(mask: Mask): number[][] {
  const links = new Links(mask.height + 1);
  let before: Column = { ends: [], since: [] };
  forEachColumn(mask, (x, ends) => {
    before = linkColumns(links, x, before, ends);
  });
  return links.loops();
}

/** What a mask covers, to be filled and outlined; null: nothing. */
export function shapeOf(mask: Mask): Path2D | null {
  const loops = contours(mask);
  if (loops.length === 0) return null;
  const path = new Path2D();
  for (const corners of loops) {
    path.moveTo(corners[0] ?? 0, corners[1] ?? 0);
    for (let i = 2; i < corners.length; i += 2) path.lineTo(corners[i] ?? 0, corners[i + 1] ?? 0);
    path.closePath();
  }
  return path;
}

/** Where a column changes from background to foreground and back, from top to bottom. */
interface Column {
  readonly ends: readonly number[];
  /** The column in which the edge at each end begins. */
  readonly since: readonly number[];
}

/** Columns from left to right, but for empty ones that follow an empty one; an empty one is the last. */
function forEachColumn({ height, width, runs }: Mask, visit: (x: number, ends: readonly number[]) => void): void {
  let x = 0;
  let ends: number[] = [];
  const goTo = (column: number) => {
    if (ends.length > 0) {
      visit(x, ends);
      ends = [];
      if (column > x + 1) visit(x + 1, []);
    }
    x = column;
  };
  let start = 0;
  for (let i = 0; i < runs.length; i++) {
    const stop = start + (runs[i] ?? 0);
    if (i % 2 === 1) {
      for (let at = start; at < stop; ) {
        const column = Math.floor(at / height);
        if (column !== x) goTo(column);
        const end = Math.min(stop, (column + 1) * height);
        // A run without a pixel before this one: both are one.
        if (ends.at(-1) === at - column * height) ends.pop();
        else ends.push(at - column * height);
        ends.push(end - column * height);
        at = end;
      }
    }
    start = stop;
  }
  goTo(width + 1);
}

/** Link what ends or begins on the line between column x - 1 (`left`) and column x, whose `ends` are given. */
function linkColumns(links: Links, x: number, left: Column, ends: readonly number[]): Column {
  const since: number[] = [];
  let [i, j] = [0, 0];
  let [inLeft, inRight] = [false, false];
  let from = 0;
  while (i < left.ends.length || j < ends.length) {
    const y = Math.min(left.ends[i] ?? Number.POSITIVE_INFINITY, ends[j] ?? Number.POSITIVE_INFINITY);
    const isLeft = left.ends[i] === y;
    const isRight = ends[j] === y;
    const begun = left.since[i] ?? 0;
    if (isLeft && isRight && inLeft === inRight) since.push(begun);
    else {
      // With the foreground on its right-hand side: down where that is to the left, up where it is to the right.
      if (inLeft && !inRight) links.add(x, from, x, y);
      if (inRight && !inLeft) links.add(x, y, x, from);
      if (isLeft && inLeft) links.add(x, y, begun, y);
      if (isLeft && !inLeft) links.add(begun, y, x, y);
      if (isRight) since.push(x);
      from = y;
    }
    if (isLeft) {
      inLeft = !inLeft;
      i++;
    }
    if (isRight) {
      inRight = !inRight;
      j++;
    }
  }
  return { ends, since };
}

/** Edges from corner to corner, to be followed around. */
class Links {
  readonly #stride: number;
  readonly #next = new Map<number, number>();
  /** Where two pixels touch at a corner, two edges begin. */
  readonly #second = new Map<number, number>();

  constructor(stride: number) {
    this.#stride = stride;
  }

  add(x0: number, y0: number, x1: number, y1: number): void {
    const start = x0 * this.#stride + y0;
    (this.#next.has(start) ? this.#second : this.#next).set(start, x1 * this.#stride + y1);
  }

  loops(): number[][] {
    const found: number[][] = [];
    for (const links of [this.#next, this.#second]) {
      for (const first of links.keys()) found.push(this.#follow(first));
    }
    return found;
  }

  /** Takes the edges of a loop out. */
  #follow(first: number): number[] {
    const corners: number[] = [];
    for (let at: number | undefined = first; at !== undefined; ) {
      corners.push(Math.floor(at / this.#stride), at % this.#stride);
      const links: Map<number, number> = this.#next.has(at) ? this.#next : this.#second;
      const next: number | undefined = links.get(at);
      links.delete(at);
      at = next === first ? undefined : next;
    }
    return corners;
  }
}
