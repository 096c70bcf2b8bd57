import fc from "fast-check";
import { describe, expect, it } from "vitest";
import vectors from "../../tests/vectors/rle.json";
import {
  area,
  asMask,
  bounds,
  contains,
  crop,
  decodeCounts,
  emptyMask,
  encodeCounts,
  fromBitmap,
  toBitmap,
} from "../src/core/rle";

const ascii = (text: string) => new TextEncoder().encode(text);

/** A size with the pixels of a mask, column by column. */
const bitmaps = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })).chain(([height, width]) =>
  fc.record({
    height: fc.constant(height),
    width: fc.constant(width),
    pixels: fc
      .array(fc.constantFrom(0, 1), { minLength: height * width, maxLength: height * width })
      .map((list) => Uint8Array.from(list)),
  }),
);

describe("the vectors shared with Python", () => {
  it.each(vectors)("$name", ({ height, width, runs, counts, area: pixels }) => {
    const mask = asMask(height, width, Uint32Array.from(runs));
    expect(encodeCounts(mask.runs)).toBe(counts);
    expect([...decodeCounts(ascii(counts))]).toEqual(runs);
    expect(area(mask)).toBe(pixels);
    expect([...fromBitmap(height, width, toBitmap(mask)).runs]).toEqual(runs);
  });
});

describe("counts", () => {
  it("survive both ways, for any runs", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 31 }), { minLength: 1 }), (runs) => {
        expect([...decodeCounts(ascii(encodeCounts(Uint32Array.from(runs))))]).toEqual(runs);
      }),
    );
  });

  it.each([
    ["a character outside the format", " "],
    ["an end in the middle of a number", "P"],
    ["a negative run", "O"],
  ])("are refused with %s", (_, text) => {
    expect(() => decodeCounts(ascii(text))).toThrow(RangeError);
  });
});

describe("a mask", () => {
  it("is the same after a bitmap", () => {
    fc.assert(
      fc.property(bitmaps, ({ height, width, pixels }) => {
        expect([...toBitmap(fromBitmap(height, width, pixels))]).toEqual([...pixels]);
      }),
    );
  });

  it("knows its area, bounds and pixels", () => {
    fc.assert(
      fc.property(bitmaps, ({ height, width, pixels }) => {
        const mask = fromBitmap(height, width, pixels);
        const inside = [...pixels.keys()].filter((i) => pixels[i] === 1);
        const xs = inside.map((i) => Math.floor(i / height));
        const ys = inside.map((i) => i % height);
        expect(area(mask)).toBe(inside.length);
        expect(bounds(mask)).toEqual(
          inside.length === 0
            ? null
            : { x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs) + 1, y1: Math.max(...ys) + 1 },
        );
        pixels.forEach((pixel, i) => {
          expect(contains(mask, Math.floor(i / height) + 0.5, (i % height) + 0.5)).toBe(pixel === 1);
        });
      }),
    );
  });

  it("crops to any box, with background beyond the picture", () => {
    const corner = fc.integer({ min: -3, max: 14 });
    fc.assert(
      fc.property(bitmaps, corner, corner, corner, corner, ({ height, width, pixels }, xa, ya, xb, yb) => {
        const box = { x0: Math.min(xa, xb), y0: Math.min(ya, yb), x1: Math.max(xa, xb), y1: Math.max(ya, yb) };
        const expected: number[] = [];
        for (let x = box.x0; x < box.x1; x++) {
          for (let y = box.y0; y < box.y1; y++) {
            const isInside = x >= 0 && y >= 0 && x < width && y < height;
            expected.push(isInside && pixels[x * height + y] === 1 ? 255 : 0);
          }
        }
        expect([...crop(fromBitmap(height, width, pixels), box)]).toEqual(expected);
      }),
    );
  });

  it("has nothing outside the picture", () => {
    const full = asMask(2, 3, Uint32Array.of(0, 6));
    expect(contains(full, -0.1, 0)).toBe(false);
    expect(contains(full, 3, 1)).toBe(false);
    expect(contains(full, 2.9, 1.9)).toBe(true);
  });

  it("is refused where its runs don't cover the picture", () => {
    expect(() => asMask(2, 3, Uint32Array.of(5))).toThrow("runs cover 5 pixels, expected 2 x 3");
    expect(area(emptyMask(2, 3))).toBe(0);
  });
});
