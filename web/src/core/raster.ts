/** Lasso and brush on bitmaps. A pixel belongs to a shape when its middle (x + 0.5, y + 0.5) does. */
import type { Point } from "./view";

/** A bitmap column by column: pixel x, y at x * height + y; 0 or 1. */
export interface Bitmap {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** Set the pixels within the closed outline; where it crosses itself, every area that it goes around counts. */
export function fillPolygon(bitmap: Bitmap, outline: readonly Point[], value: 0 | 1): void {
  if (outline.length < 3) return;
  const xs = outline.map((point) => point.x);
  const first = Math.max(0, Math.ceil(Math.min(...xs) - 0.5));
  const last = Math.min(bitmap.width - 1, Math.floor(Math.max(...xs) - 0.5));
  for (let column = first; column <= last; column++) {
    const middle = column + 0.5;
    const crossings: { y: number; turn: number }[] = [];
    outline.forEach((a, i) => {
      const b = outline[(i + 1) % outline.length] as Point;
      if (a.x <= middle === b.x <= middle) return;
      crossings.push({ y: a.y + ((middle - a.x) / (b.x - a.x)) * (b.y - a.y), turn: a.x < b.x ? 1 : -1 });
    });
    crossings.sort((a, b) => a.y - b.y);
    let winding = 0;
    crossings.forEach((crossing, i) => {
      winding += crossing.turn;
      const next = crossings[i + 1];
      if (winding !== 0 && next !== undefined) fillColumn(bitmap, column, crossing.y, next.y, value);
    });
  }
}

/** Set the pixels no farther than `radius` from the polyline (a single point makes a disc). */
export function drawStroke(bitmap: Bitmap, line: readonly Point[], radius: number, value: 0 | 1): void {
  line.forEach((point, i) => {
    drawSegment(bitmap, line[i - 1] ?? point, point, radius, value);
  });
}

/** A segment with round ends: the discs at its ends and the rectangle between them, column by column. */
function drawSegment(bitmap: Bitmap, a: Point, b: Point, radius: number, value: 0 | 1): void {
  drawDisc(bitmap, b, radius, value);
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (length === 0) return;
  drawDisc(bitmap, a, radius, value);
  const side = { x: (-(b.y - a.y) / length) * radius, y: ((b.x - a.x) / length) * radius };
  const corners = [
    { x: a.x + side.x, y: a.y + side.y },
    { x: b.x + side.x, y: b.y + side.y },
    { x: b.x - side.x, y: b.y - side.y },
    { x: a.x - side.x, y: a.y - side.y },
  ];
  fillPolygon(bitmap, corners, value);
}

function drawDisc(bitmap: Bitmap, middle: Point, radius: number, value: 0 | 1): void {
  const first = Math.max(0, Math.ceil(middle.x - radius - 0.5));
  const last = Math.min(bitmap.width - 1, Math.floor(middle.x + radius - 0.5));
  for (let column = first; column <= last; column++) {
    const half = Math.sqrt(Math.max(0, radius ** 2 - (column + 0.5 - middle.x) ** 2));
    fillColumn(bitmap, column, middle.y - half, middle.y + half, value);
  }
}

function fillColumn(bitmap: Bitmap, column: number, from: number, to: number, value: 0 | 1): void {
  const top = Math.max(0, Math.ceil(from - 0.5));
  const bottom = Math.min(bitmap.height - 1, Math.floor(to - 0.5));
  const offset = column * bitmap.height;
  if (bottom >= top) bitmap.pixels.fill(value, offset + top, offset + bottom + 1);
}
