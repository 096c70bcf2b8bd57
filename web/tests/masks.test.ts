import { describe, expect, it } from "vitest";
import { BLOCK_FRAMES, MaskStore } from "../src/core/masks";
import { readMask } from "../src/core/protocol";
import { maskBytes } from "./fakes";

const mask = (object: number, frame: number, iou = 0.9) => readMask(maskBytes({ object, frame, iou }));

describe("MaskStore", () => {
  it("keeps one mask an object and frame, the newest", () => {
    const store = new MaskStore();
    store.put(mask(1, 5, 0.5));
    const { bytes } = store;
    store.put(mask(1, 5, 0.75));
    expect(store.get(1, 5)?.iou).toBe(0.75);
    expect(store.bytes).toBe(bytes);
    expect(store.get(2, 5)).toBeUndefined();
    expect([...store.at(5).keys()]).toEqual([1]);
    expect(store.at(6).size).toBe(0);
  });

  it("drops an object's masks within spans, both ends included", () => {
    const store = new MaskStore();
    for (const frame of [1, 2, 3, 40, 41]) {
      store.put(mask(1, frame));
      store.put(mask(2, frame));
    }
    store.drop(1, [
      [2, 3],
      [41, 90],
    ]);
    expect([1, 2, 3, 40, 41].filter((frame) => store.get(1, frame))).toEqual([1, 40]);
    expect([1, 2, 3, 40, 41].filter((frame) => store.get(2, frame))).toEqual([1, 2, 3, 40, 41]);
  });

  it("asks for a block once, the next one ahead of time, and again after a failure, a drop or a clear", () => {
    const store = new MaskStore();
    expect(store.missing(3, 100)).toEqual([[0, BLOCK_FRAMES]]);
    expect(store.missing(4, 100)).toEqual([]);
    expect(store.missing(BLOCK_FRAMES - 1, 100)).toEqual([[BLOCK_FRAMES, 2 * BLOCK_FRAMES]]);
    expect(store.missing(99, 100)).toEqual([[96, 100]]);
    store.askAgain(0);
    expect(store.missing(3, 100)).toEqual([[0, BLOCK_FRAMES]]);
    store.drop(1, [[10, 10]]);
    expect(store.missing(3, 100)).toEqual([[0, BLOCK_FRAMES]]);
    store.clear();
    expect(store.missing(3, 100)).toEqual([[0, BLOCK_FRAMES]]);
    expect(store.bytes).toBe(0);
  });

  it("gives up the blocks farthest from the frame in view, and asks for them again", () => {
    const one = (() => {
      const store = new MaskStore();
      store.put(mask(1, 0));
      return store.bytes;
    })();
    const store = new MaskStore(3 * one);
    store.missing(70, 400);
    for (const frame of [0, 40, 70, 300]) store.put(mask(1, frame));
    expect([0, 40, 70, 300].filter((frame) => store.get(1, frame))).toEqual([0, 40, 70]);
    store.put(mask(2, 70));
    expect([0, 40, 70].filter((frame) => store.get(1, frame))).toEqual([40, 70]);
    expect(store.bytes).toBe(3 * one);
    expect(store.missing(300, 400)).toEqual([[288, 320]]);
  });
});
