import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { centred, fitted, isInside, panned, toPicture, toScreen, zoomed } from "../src/core/view";

const picture = { width: 1280, height: 720 };
const stage = { width: 1000, height: 800 };
const number = fc.double({ min: -500, max: 1500, noNaN: true });

describe("the view", () => {
  it("fits the picture into the stage, in its middle", () => {
    const view = fitted(picture, stage, 20);
    expect(view.scale).toBeCloseTo(960 / 1280);
    expect(toScreen(view, { x: 640, y: 360 })).toEqual({ x: 500, y: 400 });
  });

  it("maps both ways", () => {
    fc.assert(
      fc.property(number, number, fc.double({ min: 0.1, max: 60, noNaN: true }), (x, y, scale) => {
        const view = { scale, x: 13, y: -7 };
        const back = toPicture(view, toScreen(view, { x, y }));
        expect(back.x).toBeCloseTo(x, 6);
        expect(back.y).toBeCloseTo(y, 6);
      }),
    );
  });

  it("keeps the place under the pointer while it zooms", () => {
    const view = centred(picture, stage, 1);
    const at = { x: 300, y: 500 };
    const before = toPicture(view, at);
    const after = toPicture(zoomed(view, picture, stage, at, 1.7), at);
    expect(after.x).toBeCloseTo(before.x);
    expect(after.y).toBeCloseTo(before.y);
  });

  it("stays within its limits", () => {
    const view = centred(picture, stage, 1);
    expect(zoomed(view, picture, stage, { x: 0, y: 0 }, 1e6).scale).toBe(64);
    expect(zoomed(view, picture, stage, { x: 0, y: 0 }, 1e-6).scale).toBeCloseTo(fitted(picture, stage).scale / 2);
  });

  it("never loses the picture from the stage", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e5, max: 1e5, noNaN: true }),
        fc.double({ min: -1e5, max: 1e5, noNaN: true }),
        (x, y) => {
          const view = panned(centred(picture, stage, 2), picture, stage, { x, y });
          const first = toScreen(view, { x: 0, y: 0 });
          const last = toScreen(view, { x: 1280, y: 720 });
          expect(first.x).toBeLessThan(stage.width);
          expect(first.y).toBeLessThan(stage.height);
          expect(last.x).toBeGreaterThan(0);
          expect(last.y).toBeGreaterThan(0);
        },
      ),
    );
  });

  it("knows what is inside the picture", () => {
    expect(isInside(picture, { x: 0, y: 719.9 })).toBe(true);
    expect(isInside(picture, { x: 1280, y: 5 })).toBe(false);
    expect(isInside(picture, { x: 5, y: -0.1 })).toBe(false);
  });
});
