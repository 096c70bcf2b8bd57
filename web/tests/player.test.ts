import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Picture, Player } from "../src/core/player";
import { settle } from "./fakes";

interface FakePicture extends Picture {
  readonly frame: number;
  readonly fetchedHeight: number | null;
}

/** The cursor has rested for long enough. */
async function rest(): Promise<void> {
  await vi.advanceTimersByTimeAsync(300);
  await settle();
}

function setUp({ frames = 100, bytes = 10 * 400, delay = false, busy = (): boolean => false } = {}) {
  const log = { loaded: [] as number[], closed: [] as number[], shown: [] as number[], failed: [] as number[] };
  const gates = new Map<number, { open(): void; fail(): void }>();
  const clock = { now: 0, callback: null as (() => void) | null };
  const player = new Player<FakePicture>({
    frames,
    fps: 10,
    bytes,
    load: async (frame, height, signal) => {
      log.loaded.push(frame);
      if (delay) {
        await new Promise<void>((resolve, reject) => {
          gates.set(frame, { open: resolve, fail: () => reject(new Error("no such frame")) });
          signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
        });
      }
      return { frame, fetchedHeight: height, width: 10, height: 10, close: () => log.closed.push(frame) };
    },
    show: (frame, picture) => {
      expect(picture.frame).toBe(frame);
      log.shown.push(frame);
    },
    failed: (frame) => log.failed.push(frame),
    busy,
    now: () => clock.now,
    requestFrame: (callback) => {
      clock.callback = callback;
      return 1;
    },
    cancelFrame: () => {
      clock.callback = null;
    },
  });
  const advance = async (milliseconds: number) => {
    clock.now += milliseconds;
    const { callback } = clock;
    clock.callback = null;
    callback?.();
    await settle();
  };
  return { player, log, gates, advance };
}

beforeEach(() => {
  vi.useFakeTimers();
});

describe("seeking", () => {
  it("loads the frame and, once it rests, those ahead, then those behind, each in the order of the video", async () => {
    const { player, log } = setUp({ bytes: 11 * 400 });
    player.seek(42);
    await settle();
    expect(log.loaded).toEqual([42]);
    await rest();
    expect(log.loaded).toEqual([42, 43, 44, 45, 46, 38, 39, 40, 41]);
  });

  it("loads nothing but the frame while something else is waited for", async () => {
    let isBusy = true;
    const { player, log } = setUp({ busy: () => isBusy });
    player.seek(42);
    await rest();
    expect(log.loaded).toEqual([42]);
    isBusy = false;
    await rest();
    expect(log.loaded.length).toBe(9);
  });

  it("loads those around one at a time, and none of them for a cursor that moves on", async () => {
    const { player, log, gates } = setUp({ delay: true });
    player.seek(42);
    gates.get(42)?.open();
    await rest();
    expect(log.loaded).toEqual([42, 43]);
    player.seek(70);
    gates.get(43)?.open();
    await settle();
    expect(log.loaded).toEqual([42, 43, 70]);
    player.dispose();
  });

  it("shows exactly the frame asked for, clamped to the media", async () => {
    const { player, log } = setUp();
    player.seek(42);
    await settle();
    expect(player.shown).toBe(42);
    player.seek(1e9);
    await settle();
    expect(player.shown).toBe(99);
    player.seek(-3);
    await settle();
    expect(player.shown).toBe(0);
    expect(log.failed).toEqual([]);
  });

  it("keeps frames within its memory", async () => {
    const { player, log } = setUp();
    player.seek(50);
    await rest();
    player.seek(80);
    await rest();
    const held = log.loaded.length - log.closed.length;
    expect(held).toBeLessThanOrEqual(11);
    expect(log.closed).toContain(50);
  });

  it("never shows a frame that the cursor has left", async () => {
    const { player, log, gates } = setUp({ delay: true });
    player.seek(10);
    player.seek(70);
    gates.get(10)?.open();
    gates.get(70)?.open();
    await settle();
    expect(log.shown).toEqual([70]);
  });

  it("does not wait behind the frames around it", async () => {
    const { player, log } = setUp({ delay: true });
    player.seek(10);
    player.seek(11);
    player.seek(12);
    expect(log.loaded).toContain(12);
  });

  it("tells when the cursor's frame can't be loaded", async () => {
    const { player, log, gates } = setUp({ delay: true });
    player.seek(5);
    gates.get(5)?.fail();
    await settle();
    expect(log.failed).toEqual([5]);
    player.dispose();
  });
});

describe("playing", () => {
  it("follows the clock, and drops frames when late", async () => {
    const { player, log, advance } = setUp({ bytes: 100 * 400 });
    player.start();
    player.play();
    await settle();
    await advance(100);
    await advance(100);
    await advance(350);
    expect(log.shown.slice(1)).toEqual([1, 2, 5]);
    player.pause();
    await advance(1000);
    expect(player.cursor.get()).toBe(5);
  });

  it("waits for pictures rather than skip far", async () => {
    const { player, gates, advance } = setUp({ delay: true });
    player.start();
    gates.get(0)?.open();
    await settle();
    player.play();
    await advance(2000);
    expect(player.cursor.get()).toBe(0);
    gates.get(1)?.open();
    await settle();
    await advance(100);
    expect(player.cursor.get()).toBe(1);
  });

  it("stops at the end, and begins anew from there", async () => {
    const { player, advance } = setUp({ frames: 4, bytes: 100 * 400 });
    player.seek(2);
    player.play();
    await settle();
    await advance(1000);
    expect(player.cursor.get()).toBe(3);
    expect(player.playing.get()).toBe(false);
    player.play();
    expect(player.cursor.get()).toBe(0);
  });
});

it("loads anew at another height", async () => {
  const { player, log } = setUp({ frames: 3 });
  player.start();
  await rest();
  expect(log.loaded.toSorted()).toEqual([0, 1, 2]);
  player.setHeight(1080);
  await settle();
  expect(log.closed.toSorted()).toEqual([0, 1, 2]);
  expect(log.loaded.length).toBe(6);
  expect(log.shown).toEqual([0, 0]);
});
