import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawStroke, fillPolygon } from "../src/core/raster";
import { contains, fromBitmap, type Mask } from "../src/core/rle";
import { edited, type Gesture, Pen, type PenSettings } from "../src/core/tools";

const picture = { width: 20, height: 16 };
const settings = (tool: PenSettings["tool"], value: 0 | 1 = 1): PenSettings => ({ tool, value, radius: 2 });

/** The bitmap that a drawing gives, with the test of each pixel's middle. */
function drawn(draw: (bitmap: { height: number; width: number; pixels: Uint8Array }) => void): Mask {
  const bitmap = { ...picture, pixels: new Uint8Array(picture.width * picture.height) };
  draw(bitmap);
  return fromBitmap(picture.height, picture.width, bitmap.pixels);
}

function expectPixels(mask: Mask, isIn: (x: number, y: number) => boolean): void {
  for (let x = 0; x < picture.width; x++) {
    for (let y = 0; y < picture.height; y++) {
      expect(contains(mask, x + 0.5, y + 0.5), `pixel ${x}, ${y}`).toBe(isIn(x + 0.5, y + 0.5));
    }
  }
}

describe("drawing", () => {
  it("fills a polygon's pixels by their middles", () => {
    const triangle = [
      { x: 2, y: 2 },
      { x: 17, y: 4 },
      { x: 6, y: 14 },
    ];
    const side = (i: number, x: number, y: number) => {
      const a = triangle[i] ?? { x: 0, y: 0 };
      const b = triangle[(i + 1) % 3] ?? { x: 0, y: 0 };
      return (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x);
    };
    const mask = drawn((bitmap) => fillPolygon(bitmap, triangle, 1));
    expectPixels(mask, (x, y) => [0, 1, 2].every((i) => side(i, x, y) >= 0));
  });

  it("counts areas that an outline goes around twice, and clips to the picture", () => {
    const square = [
      { x: -5, y: -5 },
      { x: 30, y: -5 },
      { x: 30, y: 8 },
      { x: -5, y: 8 },
    ];
    const mask = drawn((bitmap) => fillPolygon(bitmap, [...square, ...square], 1));
    expectPixels(mask, (_, y) => y < 8);
  });

  it("draws what lies within the radius of a stroke", () => {
    const point = fc.record({
      x: fc.double({ min: -4, max: 24, noNaN: true }),
      y: fc.double({ min: -4, max: 20, noNaN: true }),
    });
    fc.assert(
      fc.property(point, point, fc.double({ min: 0.6, max: 6, noNaN: true }), (a, b, radius) => {
        const mask = drawn((bitmap) => drawStroke(bitmap, [a, b], radius, 1));
        for (let x = 0.5; x < picture.width; x++) {
          for (let y = 0.5; y < picture.height; y++) {
            const length = (b.x - a.x) ** 2 + (b.y - a.y) ** 2;
            const share = length === 0 ? 0 : ((x - a.x) * (b.x - a.x) + (y - a.y) * (b.y - a.y)) / length;
            const t = Math.min(1, Math.max(0, share));
            const distance = Math.hypot(x - a.x - t * (b.x - a.x), y - a.y - t * (b.y - a.y));
            if (Math.abs(distance - radius) > 1e-6) expect(contains(mask, x, y)).toBe(distance < radius);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("the pen", () => {
  const move = (tool: PenSettings["tool"], points: [number, number][], value: 0 | 1 = 1): Gesture | null => {
    const pen = new Pen(picture);
    points.forEach(([x, y], i) => {
      if (i === 0) pen.down({ x, y }, settings(tool, value));
      else pen.move({ x, y });
    });
    return pen.up();
  };

  it("clicks where it went down, inside the picture only", () => {
    expect(
      move(
        "click",
        [
          [3, 4],
          [9, 9],
        ],
        0,
      ),
    ).toEqual({ kind: "click", at: { x: 3, y: 4 }, label: 0 });
    expect(move("click", [[20, 4]])).toBeNull();
  });

  it("draws a box in any direction, clipped to the picture", () => {
    expect(
      move("box", [
        [12, 9],
        [4, 20],
        [-3, 2],
      ]),
    ).toEqual({ kind: "box", box: [0, 2, 12, 9] });
    expect(
      move("box", [
        [12, 9],
        [12.5, 14],
      ]),
    ).toBeNull();
  });

  it("needs three points for a lasso", () => {
    expect(
      move("lasso", [
        [1, 1],
        [2, 2],
      ]),
    ).toBeNull();
    expect(
      move(
        "lasso",
        [
          [1, 1],
          [5, 1],
          [5, 5],
        ],
        0,
      ),
    ).toMatchObject({ kind: "lasso", value: 0 });
  });

  it("paints with the brush and takes away with the eraser", () => {
    expect(move("brush", [[1, 1]])).toMatchObject({ kind: "stroke", value: 1, radius: 2 });
    expect(move("eraser", [[1, 1]])).toMatchObject({ kind: "stroke", value: 0 });
  });

  it("shows its trace until it is lifted or given up", () => {
    const pen = new Pen(picture);
    expect(pen.trace).toBeNull();
    pen.down({ x: 1, y: 1 }, settings("lasso"));
    pen.move({ x: 2, y: 1 });
    expect(pen.trace?.points.length).toBe(2);
    pen.cancel();
    expect(pen.trace).toBeNull();
    expect(pen.up()).toBeNull();
  });
});

describe("an edit by hand", () => {
  const stroke = (value: 0 | 1) => ({ kind: "stroke", line: [{ x: 5, y: 5 }], radius: 3, value }) satisfies Gesture;

  it("adds to a mask, takes away from it, and begins with nothing", () => {
    const added = edited(null, picture, stroke(1));
    if (added === null) throw new Error("the stroke changed nothing");
    expect(contains(added, 5, 5)).toBe(true);
    expect(contains(added, 12, 5)).toBe(false);
    const removed = edited(added, picture, stroke(0));
    expect(removed !== null && contains(removed, 5, 5)).toBe(false);
  });

  it("is none where no pixel changes", () => {
    expect(edited(null, picture, stroke(0))).toBeNull();
  });

  it("leaves the mask before it as it was", () => {
    const before = edited(null, picture, stroke(1));
    const runs = [...(before?.runs ?? [])];
    edited(before, picture, {
      kind: "lasso",
      outline: [
        { x: 0, y: 0 },
        { x: 20, y: 0 },
        { x: 20, y: 16 },
      ],
      value: 1,
    });
    expect([...(before?.runs ?? [])]).toEqual(runs);
  });
});
