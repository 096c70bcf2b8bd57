import { describe, expect, it } from "vitest";
import { contours } from "../src/core/contours";
import { asMask, fromBitmap, type Mask } from "../src/core/rle";

/** A mask from rows of a picture, "#" where foreground. */
function drawn(...rows: string[]): Mask {
  const [height, width] = [rows.length, rows[0]?.length ?? 0];
  const pixels = new Uint8Array(height * width);
  rows.forEach((row, y) => {
    for (let x = 0; x < width; x++) pixels[x * height + y] = row[x] === "#" ? 1 : 0;
  });
  return fromBitmap(height, width, pixels);
}

type Edge = readonly [number, number, number, number];

function edgesOf(corners: readonly number[]): Edge[] {
  const edges: Edge[] = [];
  for (let i = 0; i < corners.length; i += 2) {
    const j = (i + 2) % corners.length;
    edges.push([corners[i] ?? 0, corners[i + 1] ?? 0, corners[j] ?? 0, corners[j + 1] ?? 0]);
  }
  return edges;
}

/** Whether a point is inside by the even-odd rule. */
function isInside(edges: readonly Edge[], x: number, y: number): boolean {
  const above = edges.filter(([x0, y0, x1, y1]) => y0 === y1 && y0 < y && Math.min(x0, x1) < x && Math.max(x0, x1) > x);
  return above.length % 2 === 1;
}

/** Outlines that begin at their leftmost corner, the upper one of two. */
function outlines(mask: Mask): number[][] {
  return contours(mask).map((corners) => {
    const starts = edgesOf(corners).map(([x, y], i) => ({ x, y, i }));
    const first = 2 * (starts.sort((a, b) => a.x - b.x || a.y - b.y)[0]?.i ?? 0);
    return [...corners.slice(first), ...corners.slice(0, first)];
  });
}

describe("contours", () => {
  it("go clockwise around what is there and the other way around holes", () => {
    expect(outlines(drawn("..", ".."))).toEqual([]);
    expect(outlines(drawn("##", "##"))).toEqual([[0, 0, 2, 0, 2, 2, 0, 2]]);
    const ring = outlines(drawn("#####", "#...#", "#####"));
    expect(ring).toEqual([
      [0, 0, 5, 0, 5, 3, 0, 3],
      [1, 1, 1, 2, 4, 2, 4, 1],
    ]);
  });

  it("have corners only where they turn", () => {
    expect(outlines(drawn("#..", "##.", "###"))).toEqual([[0, 0, 1, 0, 1, 1, 2, 1, 2, 2, 3, 2, 3, 3, 0, 3]]);
  });

  it("take pixels that touch at a corner apart or together, but once", () => {
    for (const mask of [drawn("#.", ".#"), drawn(".#", "#.")]) {
      const edges = contours(mask).flatMap(edgesOf);
      expect(edges.length).toBe(8);
    }
  });

  it("read runs without pixels as nothing", () => {
    const [whole, parted] = [Uint32Array.of(1, 4, 1), Uint32Array.of(1, 2, 0, 2, 1)];
    expect(outlines(asMask(6, 1, parted))).toEqual(outlines(asMask(6, 1, whole)));
    expect(outlines(asMask(3, 2, Uint32Array.of(0, 3, 0, 3)))).toEqual([[0, 0, 2, 0, 2, 3, 0, 3]]);
  });

  it("enclose the pixels of any mask, and nothing else", () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    for (let trial = 0; trial < 60; trial++) {
      const [height, width] = [1 + Math.floor(9 * random()), 1 + Math.floor(9 * random())];
      const density = random();
      const pixels = Uint8Array.from({ length: height * width }, () => (random() < density ? 1 : 0));
      const at = (x: number, y: number) =>
        x >= 0 && y >= 0 && x < width && y < height ? (pixels[x * height + y] ?? 0) : 0;
      const edges = contours(fromBitmap(height, width, pixels)).flatMap(edgesOf);
      let girth = 0;
      for (let x = 0; x <= width; x++) {
        for (let y = 0; y <= height; y++) {
          girth += Math.abs(at(x, y) - at(x - 1, y)) + Math.abs(at(x, y) - at(x, y - 1));
          if (x < width && y < height) expect(isInside(edges, x + 0.5, y + 0.5)).toBe(at(x, y) === 1);
        }
      }
      const lengths = edges.map(([x0, y0, x1, y1]) => Math.abs(x1 - x0) + Math.abs(y1 - y0));
      expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(girth);
      // With the foreground to the right of the way around.
      for (const [x0, y0, x1, y1] of edges) {
        if (y0 === y1) expect(at(Math.min(x0, x1), x0 < x1 ? y0 : y0 - 1)).toBe(1);
        else expect(at(y0 < y1 ? x0 - 1 : x0, Math.min(y0, y1))).toBe(1);
      }
    }
  });
});
