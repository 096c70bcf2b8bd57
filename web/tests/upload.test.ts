import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/core/api";
import type { MediaItem } from "../src/core/protocol";
import { fileSource, Upload, type UploadApi } from "../src/core/upload";
import { MEDIA } from "./fakes";

const MIB = 2 ** 20;
const file = () => new File([new Uint8Array(5 * MIB)], "clip.mp4", { lastModified: 7 });

/** A server that holds what it was sent; `fail` is asked before each answer. */
function fakeServer(fail: (call: string, offset: number) => ApiError | null = () => null) {
  const calls: string[] = [];
  let held = 0;
  const check = (call: string, offset = 0) => {
    calls.push(call);
    const error = fail(call, offset);
    if (error !== null) throw error;
  };
  const api: UploadApi<MediaItem> = {
    begin: async () => {
      check("begin");
      held = 0;
      return { id: "u1", offset: 0 };
    },
    offset: async () => {
      check("offset");
      return { offset: held };
    },
    put: async (_, offset, bytes) => {
      check("put", offset);
      expect(offset).toBe(held);
      held += bytes.size;
      return { offset: held };
    },
    finish: async () => {
      check("finish");
      expect(held).toBe(5 * MIB);
      return MEDIA;
    },
  };
  return { api, calls };
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("an upload", () => {
  it("sends the file in pieces, and gives the media", async () => {
    const { api, calls } = fakeServer();
    const upload = new Upload(fileSource(file()), api);
    const sent: number[] = [];
    upload.progress.subscribe(() => sent.push(upload.progress.get().sent));
    expect(await upload.run()).toBe(MEDIA);
    expect(calls).toEqual(["begin", "put", "put", "put", "finish"]);
    expect([...new Set(sent)]).toEqual([0, 2 * MIB, 4 * MIB, 5 * MIB]);
    expect(upload.progress.get().state).toBe("done");
  });

  it("goes on where it was after the server was away", async () => {
    let away = 2;
    const { api, calls } = fakeServer((call, offset) =>
      call === "put" && offset === 2 * MIB && away-- > 0 ? new ApiError(0, "no answer") : null,
    );
    const done = new Upload(fileSource(file()), api).run();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await done).toBe(MEDIA);
    expect(calls).toEqual(["begin", "put", "put", "offset", "put", "offset", "put", "put", "finish"]);
  });

  it("goes on after the page was reloaded, with the same file only", async () => {
    let isAway = true;
    const { api, calls } = fakeServer((call, offset) =>
      isAway && call === "put" && offset > 0 ? new ApiError(0, "no answer") : null,
    );
    void new Upload(fileSource(file()), api).run();
    await vi.advanceTimersByTimeAsync(100);
    // The page that sent it is gone.
    vi.clearAllTimers();
    isAway = false;
    calls.length = 0;
    expect(await new Upload(fileSource(file()), api).run()).toBe(MEDIA);
    expect(calls).toEqual(["offset", "put", "put", "finish"]);
    calls.length = 0;
    await new Upload(fileSource(new File([new Uint8Array(5 * MIB)], "other.mp4")), api).run();
    expect(calls[0]).toBe("begin");
  });

  it("begins anew where the server has forgotten it", async () => {
    localStorage.setItem("masklet.uploads", JSON.stringify({ [`clip.mp4:${5 * MIB}:7`]: "gone" }));
    const { api, calls } = fakeServer((call) => (call === "offset" ? new ApiError(404, "no such upload") : null));
    expect(await new Upload(fileSource(file()), api).run()).toBe(MEDIA);
    expect(calls.slice(0, 2)).toEqual(["offset", "begin"]);
  });

  it("ends with the server's reason where it is refused", async () => {
    const { api } = fakeServer((call) => (call === "finish" ? new ApiError(415, "this is no video") : null));
    const upload = new Upload(fileSource(file()), api);
    expect(await upload.run()).toBeNull();
    expect(upload.progress.get()).toMatchObject({ state: "failed", error: "this is no video" });
    expect(localStorage.getItem("masklet.uploads")).toBe("{}");
  });

  it("can be cancelled while it waits", async () => {
    const { api } = fakeServer(() => new ApiError(503, "starting"));
    const upload = new Upload(fileSource(file()), api);
    const done = upload.run();
    await vi.advanceTimersByTimeAsync(10);
    upload.cancel();
    expect(await done).toBeNull();
    expect(upload.progress.get().state).toBe("cancelled");
  });
});
