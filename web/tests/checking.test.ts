import { describe, expect, it } from "vitest";
import { nextToCheck } from "../src/core/checking";
import type { Lane } from "../src/core/protocol";

const lane = (...runs: Lane["runs"]): Lane => ({ prompted: [], edited: [], runs });

describe("the next frame to check", () => {
  const lanes = new Map([
    [1, lane([0, 9, "present"], [10, 14, "unsure"], [15, 30, "absent"])],
    [2, lane([5, 6, "unsure"], [40, 44, "unsure"])],
  ]);
  const unknown = () => undefined;

  it("is in the next unsure stretch of any object, and starts over at the end", () => {
    expect(nextToCheck(lanes, 0, unknown)).toEqual({ object: 2, frame: 5 });
    expect(nextToCheck(lanes, 5, unknown)).toEqual({ object: 1, frame: 10 });
    expect(nextToCheck(lanes, 12, unknown)).toEqual({ object: 2, frame: 40 });
    expect(nextToCheck(lanes, 44, unknown)).toEqual({ object: 2, frame: 5 });
  });

  it("is the stretch's worst mask, as far as masks are known", () => {
    const iou = (_: number, frame: number) => ({ 11: 0.6, 13: 0.4, 14: 0.5 })[frame];
    expect(nextToCheck(lanes, 6, iou)).toEqual({ object: 1, frame: 13 });
  });

  it("is none where nothing is unsure", () => {
    expect(nextToCheck(new Map([[1, lane([0, 9, "present"])]]), 0, unknown)).toBeNull();
  });
});
