import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Grabbed, type Grabber, reduced } from "../src/core/frame-grabber";
import { LiveSource } from "../src/core/live-source";
import { Notices } from "../src/core/notices";
import { MEDIA, maskBytes } from "./fakes";

/** The server's side. */
class FakeServer {
  binaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly commands: Record<string, unknown>[] = [];
  /** Numbers and times of the frames that came. */
  readonly frames: [number, number][] = [];

  send(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.commands.push(JSON.parse(data));
    else {
      const view = new DataView(data);
      this.frames.push([view.getUint32(0, true), view.getFloat64(4, true)]);
      expect(new TextDecoder().decode(new Uint8Array(data, 12))).toBe("jpeg");
    }
  }

  close(): void {}

  say(message: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  done(number: number, frame: number): void {
    this.say({ type: "frame", number, frame, seconds: frame, bytes: 10 });
  }
}

class FakeGrabber implements Grabber {
  readonly size = { width: 8, height: 6 };
  onEnded: () => void = () => {};
  closed = false;
  readonly open = new Set<number>();
  #count = 0;

  async grab(): Promise<Grabbed> {
    const number = this.#count++;
    this.open.add(number);
    const picture = { width: 8, height: 6, number, close: () => this.open.delete(number) };
    return { picture: picture as unknown as ImageBitmap, jpeg: new Blob(["jpeg"]) };
  }

  close(): void {
    this.closed = true;
  }
}

const rest = () => new Promise((resolve) => setTimeout(resolve, 5));
const object = (id: number) => ({ id, name: `Object ${id}`, colour: "#ff0000", hidden: false, locked: false });

let server: FakeServer;
let grabber: FakeGrabber;
let source: LiveSource;
let notices: Notices;
let time: number;

beforeEach(async () => {
  server = new FakeServer();
  grabber = new FakeGrabber();
  notices = new Notices();
  time = 1000;
  source = new LiveSource(
    { name: "Camera", project: "p7" },
    grabber,
    notices,
    () => server as unknown as WebSocket,
    () => time,
  );
  server.onopen?.();
  server.say({ type: "started" });
  await rest();
});
afterEach(() => source.dispose());

describe("a live source", () => {
  it("says first what is to come", () => {
    expect(server.commands).toEqual([{ type: "start", name: "Camera", project: "p7", width: 8, height: 6 }]);
  });

  it("has two frames under way at most, and sends the next one when one is done or skipped", async () => {
    expect(server.frames.map(([number]) => number)).toEqual([0, 1]);
    await rest();
    expect(server.frames.length).toBe(2);
    server.done(0, 0);
    await rest();
    expect(server.frames.map(([number]) => number)).toEqual([0, 1, 2]);
    server.say({ type: "skipped", number: 1 });
    await rest();
    expect(server.frames.map(([number]) => number)).toEqual([0, 1, 2, 3]);
    server.done(2, 1);
    await rest();
    expect([...grabber.open], "the one that is shown, and those under way").toEqual([2, 3, 4]);
  });

  it("shows every frame with its own masks", async () => {
    const shown: number[] = [];
    source.onPicture = (picture) => shown.push((picture as unknown as { number: number }).number);
    server.say({ type: "objects", objects: [object(1)] });
    server.onmessage?.({ data: maskBytes({ frame: 0 }) });
    expect(source.looks()).toEqual([]);
    server.done(0, 0);
    expect(source.looks().length).toBe(1);
    server.done(1, 1);
    expect(source.looks(), "this frame's mask has not come").toEqual([]);
    expect(shown).toEqual([0, 1]);
  });

  it("prompts on the frame that is shown: a new object first, then corrections of it", async () => {
    server.done(0, 0);
    const click = source.apply({ kind: "click", at: { x: 3, y: 2 }, label: 1 });
    expect(source.prompts().pending?.points).toEqual([[3, 2]]);
    expect(source.state.get().working).toBe(1);
    expect(server.commands[1]).toMatchObject({ type: "prompt", request: 1, frame: 0, object: null, points: [[3, 2]] });
    server.say({ type: "objects", objects: [object(1)] });
    server.say({ type: "done", request: 1, object: 1 });
    await click;
    expect(source.state.get()).toMatchObject({ selected: 1, working: 0 });
    server.done(1, 1);
    const box = source.apply({ kind: "box", box: [0, 0, 4, 4] });
    expect(server.commands[2]).toMatchObject({ frame: 1, object: 1, box: [0, 0, 4, 4], points: [] });
    server.say({ type: "error", request: 2, message: "frame 1 is gone" });
    await box;
    expect(notices.list.get().map((notice) => notice.text)).toEqual(["Frame 1 is gone"]);
  });

  it("stands still while it is paused, and so does its clock", async () => {
    time += 500;
    server.done(0, 0);
    await rest();
    source.pause();
    server.done(1, 1);
    server.done(2, 2);
    await rest();
    expect(server.frames.map(([, seconds]) => seconds)).toEqual([0, 0.001, 0.5]);
    time += 60_000;
    source.resume();
    await rest();
    expect(server.frames.slice(3)).toEqual([
      [3, 0.501],
      [4, 0.502],
    ]);
  });

  it("ends when it is told to, when the camera ends, and when the connection is lost", () => {
    grabber.onEnded();
    expect(server.commands.at(-1)).toMatchObject({ type: "finish", keep: true });
    expect(source.state.get().phase).toBe("ending");
    expect(grabber.closed).toBe(true);
    server.say({ type: "ended", media: MEDIA, reason: null });
    expect(source.state.get()).toMatchObject({ phase: "ended", media: { id: "m1" }, reason: null });
    server.onclose?.({ code: 1006, reason: "" });
    expect(source.state.get().reason, "it was over already").toBeNull();
  });

  it("tells why it ended where nobody asked for it", () => {
    server.onclose?.({ code: 4429, reason: "4 cameras and screens are in use" });
    expect(source.state.get()).toMatchObject({ phase: "ended", media: null });
    expect(source.state.get().reason).toContain("are in use");
    expect([...grabber.open]).toEqual([]);
  });
});

it("large pictures are reduced to even sides", () => {
  expect(reduced({ width: 3840, height: 2160 })).toEqual({ width: 1280, height: 720 });
  expect(reduced({ width: 641, height: 479 })).toEqual({ width: 642, height: 480 });
  expect(reduced({ width: 1080, height: 1920 })).toEqual({ width: 720, height: 1280 });
});
