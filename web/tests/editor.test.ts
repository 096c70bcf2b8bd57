import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Editor } from "../src/core/editor";
import { Notices } from "../src/core/notices";
import { area, decodeCounts } from "../src/core/rle";
import { FakeWebSocket, hello, MEDIA, maskBytes, settle } from "./fakes";

const OBJECT = { id: 1, name: "Object 1", colour: "#ff0000", hidden: false, locked: false };
const LANE = { prompted: [], edited: [], runs: [] };

let editor: Editor;
let notices: Notices;
const server = () => FakeWebSocket.last;

/** An editor whose first frame is on the stage. */
async function open(fields: Record<string, unknown> = {}): Promise<void> {
  server().say(hello(fields));
  editor.player.start();
  await settle();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async () => new Response(new Blob()));
  vi.stubGlobal("createImageBitmap", async () => ({ width: 8, height: 6, close: () => {} }));
  FakeWebSocket.opened.length = 0;
  notices = new Notices();
  editor = new Editor(MEDIA, notices, FakeWebSocket.open);
});
afterEach(() => {
  editor.dispose();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("the state", () => {
  it("is what hello says, and the masks around the cursor are asked for", async () => {
    await open({ objects: [OBJECT], lanes: { "1": LANE }, undo: true });
    expect(editor.state.get()).toMatchObject({ connection: "open", canUndo: true, canRedo: false, selected: 1 });
    expect(editor.state.get().lanes.get(1)).toEqual(LANE);
    expect(server().commands("masks")).toEqual([{ request: 1, type: "masks", start: 0, stop: 32 }]);
  });

  it("has the server make the frame ready that is shown first, and again where a connection is new", async () => {
    await open();
    await vi.advanceTimersByTimeAsync(500);
    expect(server().commands("cursor")).toMatchObject([{ frame: 0 }]);
    server().drop();
    await vi.advanceTimersByTimeAsync(500);
    server().say(hello());
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeWebSocket.opened.length).toBe(2);
    expect(server().commands("cursor")).toMatchObject([{ frame: 0 }]);
  });

  it("has it make none ready that the cursor only passes", async () => {
    await open();
    await vi.advanceTimersByTimeAsync(500);
    for (const frame of [5, 9, 14, 20]) {
      editor.player.seek(frame);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(server().commands("cursor")).toMatchObject([{ frame: 0 }]);
    await vi.advanceTimersByTimeAsync(500);
    expect(server().commands("cursor")).toMatchObject([{ frame: 0 }, { frame: 20 }]);
  });

  it("follows changes of objects, lanes and masks", async () => {
    await open({ objects: [OBJECT] });
    server().sayBytes(maskBytes({ frame: 3 }));
    server().say({
      type: "objects",
      sequence: 2,
      objects: [{ ...OBJECT, name: "Dog" }],
      undo: true,
      redo: true,
      effects: 0,
    });
    server().say({ type: "lanes", sequence: 3, lanes: { "1": { ...LANE, prompted: [3] } } });
    expect(editor.object(1)?.name).toBe("Dog");
    expect(editor.state.get().lanes.get(1)?.prompted).toEqual([3]);
    expect(editor.prompting.maskOf(1, 3)).not.toBeNull();
    server().say({ type: "dropped", sequence: 4, object: 1, frames: [[0, 10]] });
    server().say({ type: "lanes", sequence: 5, lanes: { "1": null } });
    expect(editor.prompting.maskOf(1, 3)).toBeNull();
    expect(editor.state.get().lanes.size).toBe(0);
    server().say({ type: "objects", sequence: 6, objects: [], undo: true, redo: false, effects: 0 });
    expect(editor.state.get().selected).toBeNull();
  });

  it("starts over with each connection: old masks go, and are asked for again", async () => {
    await open({ objects: [OBJECT] });
    server().sayBytes(maskBytes({ frame: 3 }));
    server().drop();
    await settle();
    expect(editor.state.get().connection).toBe("waiting");
    vi.advanceTimersByTime(500);
    server().say(hello({ objects: [OBJECT] }));
    expect(editor.prompting.maskOf(1, 3)).toBeNull();
    expect(server().commands("masks").length).toBe(1);
  });
});

describe("a click", () => {
  const click = (x: number, y: number, label: 0 | 1 = 1) => editor.apply({ kind: "click", at: { x, y }, label });

  const made = (id: number) =>
    server().say({ type: "objects", sequence: 2, objects: [{ ...OBJECT, id }], undo: true, redo: false, effects: 0 });

  it("makes an object where there is none, with the same command", async () => {
    await open();
    const clicked = click(2.5, 3);
    await settle();
    expect(server().commands("prompt")).toEqual([
      expect.objectContaining({ frame: 0, object: null, points: [[2.5, 3]], labels: [1], box: null, fresh: false }),
    ]);
    const mark = { points: [[2.5, 3]], labels: [1], box: null };
    expect(editor.prompting.promptsAt(0).pending).toEqual(mark);
    made(4);
    expect(editor.prompting.promptsAt(0).pending).toEqual(mark);
    server().answer("prompt", { object: 4, candidates: 0 });
    await clicked;
    expect(editor.state.get().selected).toBe(4);
    expect(editor.prompting.promptsAt(0).pending).toBeNull();
  });

  it("twice in a row makes one object", async () => {
    await open();
    void click(1, 1);
    await settle();
    void click(2, 2);
    await settle();
    const objects = () =>
      server()
        .commands("prompt")
        .map((prompt) => prompt.object);
    expect(objects()).toEqual([null]);
    made(1);
    server().answer("prompt", { object: 1, candidates: 0 });
    await settle();
    expect(objects()).toEqual([null, 1]);
  });

  it("while an object is being added is for that one", async () => {
    await open({ objects: [OBJECT] });
    editor.objects.add();
    void click(1, 1);
    await settle();
    expect(server().commands("prompt")).toEqual([]);
    made(2);
    server().answer("object-add", { object: 2 });
    await settle();
    expect(
      server()
        .commands("prompt")
        .map((prompt) => prompt.object),
    ).toEqual([2]);
    expect(editor.state.get().selected).toBe(2);
  });

  it("while an object is added in vain is for the selected one", async () => {
    await open({ objects: [OBJECT] });
    editor.objects.add();
    void click(1, 1);
    server().say({ type: "error", request: server().commands("object-add")[0]?.request, message: "no" });
    await settle();
    expect(
      server()
        .commands("prompt")
        .map((prompt) => prompt.object),
    ).toEqual([1]);
  });

  it("that could not make an object leaves it to the next one", async () => {
    await open();
    const first = click(1, 1);
    await settle();
    server().say({ type: "error", request: server().commands("prompt")[0]?.request, message: "no" });
    await first;
    void click(2, 2);
    await settle();
    expect(server().commands("prompt").at(-1)?.object).toBeNull();
  });

  it("shows its mark until the server has it", async () => {
    await open({ objects: [OBJECT] });
    const clicked = click(1, 1, 0);
    await settle();
    expect(editor.prompting.promptsAt(0).pending).toEqual({ points: [[1, 1]], labels: [0], box: null });
    expect(editor.prompting.promptsAt(0).known).toBeNull();
    const prompts = { "0": { points: [[1, 1]], labels: [0], box: null } };
    server().say({ type: "lanes", sequence: 2, lanes: { "1": { ...LANE, prompts } } });
    server().answer("prompt", { object: 1, candidates: 0 });
    await clicked;
    expect(editor.prompting.promptsAt(0)).toEqual({ known: prompts["0"], pending: null });
    expect(editor.state.get().working).toBe(0);
  });

  it("that is ambiguous offers candidates, and the chosen one is sent", async () => {
    await open({ objects: [OBJECT] });
    const clicked = click(1, 1);
    await settle();
    server().answer("prompt", { object: 1, candidates: 3 });
    await vi.advanceTimersByTimeAsync(100);
    const request = server().commands("candidates").at(-1)?.request as number;
    for (const iou of [0.9, 0.8, 0.7]) server().sayBytes(maskBytes({ kind: 3, number: request, iou }));
    server().answer("candidates");
    await clicked;
    expect(editor.state.get().candidates).toMatchObject({ object: 1, frame: 0, chosen: 0 });
    editor.prompting.chooseCandidate(2);
    expect(server().commands("choose").at(-1)).toMatchObject({ object: 1, frame: 0, candidate: 2 });
    editor.player.seek(5);
    expect(editor.state.get().candidates).toBeNull();
  });

  it.each([
    ["locked", "Object 1 is locked; unlock it to change it"],
    ["hidden", "Object 1 is hidden; show it to change it"],
  ])("on a %s object is refused with the reason", async (what, words) => {
    await open({ objects: [{ ...OBJECT, [what]: true }] });
    await click(1, 1);
    expect(server().commands("prompt")).toEqual([]);
    expect(notices.list.get().map((notice) => notice.text)).toEqual([words]);
  });

  it("that the server refuses is told", async () => {
    await open({ objects: [OBJECT] });
    const clicked = click(1, 1);
    await settle();
    server().say({ type: "error", request: server().commands("prompt")[0]?.request, message: "the point is outside" });
    await clicked;
    expect(notices.list.get()[0]?.text).toBe("The point is outside");
    expect(editor.prompting.promptsAt(0).pending).toBeNull();
  });
});

describe("an edit by hand", () => {
  const paint = (x: number) => editor.apply({ kind: "stroke", line: [{ x, y: 3 }], radius: 1, value: 1 });
  const sentArea = (n: number) => {
    const counts = String(server().commands("mask")[n]?.counts);
    const runs = decodeCounts(new TextEncoder().encode(counts));
    return area({ height: 6, width: 8, runs });
  };

  it("is shown at once, and the next stroke goes on from it before the server answers", async () => {
    await open({ objects: [OBJECT] });
    const first = paint(2);
    await settle();
    const once = area(editor.prompting.maskOf(1, 0) ?? { height: 6, width: 8, runs: new Uint32Array() });
    expect(once).toBeGreaterThan(0);
    void paint(6);
    await settle();
    expect(sentArea(0)).toBe(once);
    expect(sentArea(1)).toBe(2 * once);
    server().say({ type: "done", request: server().commands("mask")[0]?.request });
    await first;
    expect(editor.prompting.maskOf(1, 0)).not.toBeNull();
    server().answer("mask");
    await settle();
    expect(editor.prompting.maskOf(1, 0)).toBeNull();
  });
});

describe("tracking", () => {
  it("goes to the end of the media, or of the range", async () => {
    await open({ objects: [OBJECT] });
    editor.player.seek(20);
    editor.tracking.begin("forward", null);
    editor.settings.patch({ range: [10, 30] });
    editor.tracking.begin("forward", [1]);
    editor.tracking.begin("backward", null);
    editor.tracking.beginInRange(null);
    expect(
      server()
        .commands("track")
        .map(({ request: _, type: __, ...order }) => order),
    ).toEqual([
      { direction: "forward", start: 20, stop: null, objects: null },
      { direction: "forward", start: 20, stop: 31, objects: [1] },
      { direction: "backward", start: 20, stop: 9, objects: null },
      { direction: "both", start: 10, stop: 31, objects: null },
    ]);
  });

  it("shows the frames as they are done, until the user goes elsewhere", async () => {
    await open({ objects: [OBJECT] });
    const progress = (frame: number) =>
      server().say({ type: "progress", job: 1, frame, done: frame, total: 99, rate: 2 });
    editor.tracking.begin("forward", null);
    server().answer("track", { job: 1 });
    progress(1);
    expect(editor.player.cursor.get()).toBe(1);
    progress(2);
    progress(3);
    expect(editor.player.cursor.get()).toBe(1); // its picture is still on its way
    await settle();
    progress(4);
    expect(editor.player.cursor.get()).toBe(4);
    editor.player.seek(50);
    progress(5);
    expect(editor.player.cursor.get()).toBe(50);
    expect(editor.state.get().job).toMatchObject({ job: 1, done: 5 });
    editor.tracking.stop();
    expect(server().commands("stop").at(-1)).toMatchObject({ job: 1 });
    server().say({ type: "finished", job: 1, state: "stopped", error: null });
    expect(editor.state.get().job).toBeNull();
  });

  it("takes a small share of the time to be watched, and ends on its last frame", async () => {
    await open({ objects: [OBJECT] });
    const progress = (frame: number) =>
      server().say({ type: "progress", job: 1, frame, done: frame, total: 99, rate: 2 });
    editor.tracking.begin("forward", null);
    server().answer("track", { job: 1 });
    progress(1);
    await vi.advanceTimersByTimeAsync(20);
    Object.defineProperty(editor.player, "latency", { get: () => 20 });
    await vi.advanceTimersByTimeAsync(70);
    progress(2);
    expect(editor.player.cursor.get()).toBe(1);
    await vi.advanceTimersByTimeAsync(20);
    progress(3);
    expect(editor.player.cursor.get()).toBe(3);
    progress(4);
    server().say({ type: "finished", job: 1, state: "done", error: null });
    expect(editor.player.cursor.get()).toBe(4);
  });

  it("is over even where its end is told before the command's answer", async () => {
    await open({ objects: [OBJECT] });
    editor.tracking.begin("forward", null);
    server().say({ type: "finished", job: 7, state: "done", error: null });
    server().answer("track", { job: 7 });
    await settle();
    expect(editor.state.get().job).toBeNull();
  });
});

it("shows no run while there is no connection, and the one that goes on after it", async () => {
  await open({ objects: [OBJECT], job: { job: 3, frame: 1, done: 1, total: 9, rate: 1 } });
  expect(editor.state.get().job).toMatchObject({ job: 3 });
  server().drop();
  expect(editor.state.get().job).toBeNull();
  vi.advanceTimersByTime(500);
  server().say(hello({ objects: [OBJECT], job: { job: 3, frame: 5, done: 5, total: 9, rate: 1 } }));
  expect(editor.state.get()).toMatchObject({ connection: "open", job: { done: 5 } });
});

describe("the hover preview", () => {
  it("asks one at a time, the newest place next, and only where a click would begin", async () => {
    await open({ objects: [OBJECT] });
    editor.hoverAt({ x: 1, y: 1 });
    editor.hoverAt({ x: 2, y: 2 });
    expect(server().commands("preview")).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    editor.hoverAt({ x: 3, y: 3 });
    expect(server().commands("preview").length).toBe(1);
    server().sayBytes(maskBytes({ kind: 2, number: server().commands("preview")[0]?.request as number }));
    server().answer("preview");
    await settle();
    expect(editor.looks().at(-1)).toMatchObject({ dashed: true });
    await vi.advanceTimersByTimeAsync(40);
    expect(
      server()
        .commands("preview")
        .map((preview) => preview.x),
    ).toEqual([2, 3]);
    editor.hoverAt(null);
    expect(editor.looks()).toEqual([]);
    server().sayBytes(maskBytes({ frame: 0 }));
    editor.hoverAt({ x: 4, y: 4 });
    await vi.advanceTimersByTimeAsync(100);
    expect(server().commands("preview").length).toBe(2);
  });

  const click = (x: number, y: number, label: 0 | 1 = 1) => editor.apply({ kind: "click", at: { x, y }, label });
  const preview = async (x: number, y: number) => {
    editor.hoverAt({ x, y });
    await vi.advanceTimersByTimeAsync(50);
    server().sayBytes(maskBytes({ kind: 2, number: server().commands("preview").at(-1)?.request as number }));
    server().answer("preview");
    await settle();
    expect(editor.looks()).toMatchObject([{ dashed: true }]);
  };

  it("does not ask where the pointer clicks as soon as it has come", async () => {
    await open({ objects: [OBJECT] });
    editor.hoverAt({ x: 1, y: 1 });
    void click(1, 1);
    await vi.advanceTimersByTimeAsync(100);
    expect(server().commands("preview")).toEqual([]);
  });

  it("stays when it is clicked, until the click's own mask is here", async () => {
    await open({ objects: [OBJECT] });
    await preview(1, 1);
    const clicked = click(1.5, 1);
    editor.hoverAt({ x: 4, y: 4 });
    await settle();
    expect(editor.looks()).toMatchObject([{ dashed: true }]);
    server().sayBytes(maskBytes({ frame: 0 }));
    server().answer("prompt", { object: 1, candidates: 0 });
    await clicked;
    expect(editor.looks()).toMatchObject([{ dashed: false }]);
    expect(server().commands("preview").length).toBe(1);
  });

  it.each([
    ["beside it", 6, 1],
    ["for what it is not", 1, 0],
  ] as const)("goes with a click %s", async (_, x, label) => {
    await open({ objects: [OBJECT] });
    await preview(1, 1);
    void click(x, 1, label);
    await settle();
    expect(editor.looks()).toEqual([]);
  });
});

describe("what is drawn", () => {
  it("leaves hidden objects out, and has the selected one on top", async () => {
    const objects = [OBJECT, { ...OBJECT, id: 2, colour: "#00ff00" }, { ...OBJECT, id: 3, hidden: true }];
    await open({ objects });
    for (const object of [1, 2, 3]) server().sayBytes(maskBytes({ object }));
    editor.select(1);
    expect(editor.looks().map((look) => look.colour)).toEqual([
      [0, 255, 0],
      [255, 0, 0],
    ]);
    editor.settings.patch({ masks: false });
    expect(editor.looks()).toEqual([]);
  });
});

describe("clearing a range", () => {
  it("is one command for the chosen object, or for all", async () => {
    await open({ objects: [OBJECT] });
    editor.objects.clearRange(1);
    expect(server().commands("clear")).toEqual([]);
    expect(notices.list.get()[0]?.text).toBe("There is no range: set one with I and O");
    editor.settings.patch({ range: [3, 7] });
    editor.objects.clearRange(1);
    expect(server().commands("clear")[0]).toMatchObject({ start: 3, stop: 8, object: 1 });
    editor.objects.clearRange(null);
    expect(server().commands("clear")[1]).not.toHaveProperty("object");
    server().answer("clear");
    await settle();
    expect(notices.spoken.get()).toBe("Frames 3 to 7 of all objects are cleared");
  });
});
