import { describe, expect, it, vi } from "vitest";
import { Store } from "../src/core/state";
import { formatBytes, formatTime, plural } from "../src/ui/format";
import { mediaHash, readRoute } from "../src/ui/route";
import { laneWords, rulerTicks } from "../src/ui/timeline-marks";

describe("a store", () => {
  it("tells its listeners of changes only", () => {
    const store = new Store({ a: 1, b: 2 });
    const heard = vi.fn();
    const stop = store.subscribe(heard);
    store.patch({ a: 1 });
    store.set(store.get());
    expect(heard).not.toHaveBeenCalled();
    store.patch({ a: 3 });
    expect(store.get()).toEqual({ a: 3, b: 2 });
    expect(heard).toHaveBeenCalledTimes(1);
    stop();
    store.patch({ b: 5 });
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

describe("the address", () => {
  it("names a media and a frame", () => {
    expect(readRoute(mediaHash("a b/c", 12))).toEqual({ media: "a b/c", frame: 12 });
    expect(readRoute(mediaHash("m"))).toEqual({ media: "m", frame: 0 });
  });
  it.each(["", "#/", "#/media/", "#/elsewhere", "#/media/a?frame=x"])("is the gallery's otherwise: %s", (hash) => {
    expect(readRoute(hash).media).toBeNull();
  });
});

describe("words and numbers", () => {
  it.each([
    [0, "0:00.00"],
    [65.43, "1:05.43"],
    [3661.5, "1:01:01.50"],
    [0.28, "0:00.28"],
  ])("%d s is %s", (seconds, words) => {
    expect(formatTime(seconds)).toBe(words);
  });
  it.each([
    [999, "999 B"],
    [1500, "1.5 kB"],
    [123_456_789, "123 MB"],
  ])("%d bytes are %s", (bytes, words) => {
    expect(formatBytes(bytes)).toBe(words);
  });
  it("knows one from many", () => {
    expect([plural(1, "object"), plural(2, "object")]).toEqual(["1 object", "2 objects"]);
  });
});

describe("the timeline", () => {
  it("has round numbers with room for each", () => {
    expect(rulerTicks(132, 1440)).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120]);
    expect(rulerTicks(3, 1000)).toEqual([0, 1, 2]);
    expect(rulerTicks(100_000, 360)).toEqual([0, 20_000, 40_000, 60_000, 80_000]);
    expect(rulerTicks(10, 0)).toEqual([]);
  });
  it("says in words what a lane shows", () => {
    const object = { id: 1, name: "Dog", colour: "#fff", hidden: false, locked: false };
    const runs = [
      [0, 4, "present"],
      [5, 5, "unsure"],
    ] as const;
    expect(laneWords(object, { prompted: [0], edited: [], runs })).toBe(
      "Dog: present in frames 0 to 4; unsure in frames 5; prompted in frames 0",
    );
    expect(laneWords(object, { prompted: [], edited: [], runs: [] })).toBe("Dog: no masks yet");
  });
});
