import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Editor } from "../src/core/editor";
import { Notices } from "../src/core/notices";
import { FakeWebSocket, hello, MEDIA, settle } from "./fakes";

const BLUR = { kind: "blur", target: "background", radius: 30 };

/** What the fake server was asked over HTTP, and what it has. */
const asked: { method: string; url: string; body: unknown }[] = [];
let kept: { number: number; effects: object[] } = { number: 0, effects: [] };
const server = () => FakeWebSocket.last;

/** An editor whose server has said hello. */
async function open() {
  const notices = new Notices();
  const editor = new Editor(MEDIA, notices, FakeWebSocket.open);
  server().say(hello({ effects: kept.number }));
  await settle();
  return { notices, editor };
}

const saved = () => server().commands("effects");
const kinds = (list: unknown) => (list as { kind: string }[]).map(({ kind }) => kind);

/** Answer the last save as the server does: with the news for all pages first. */
async function answer(number: number): Promise<void> {
  server().say({ type: "objects", sequence: number, objects: [], undo: true, redo: false, effects: number });
  server().answer("effects", { effects: number });
  await settle();
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeWebSocket.opened.length = 0;
  asked.length = 0;
  kept = { number: 0, effects: [] };
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const body = typeof init.body === "string" ? JSON.parse(init.body) : null;
    asked.push({ method: init.method ?? "GET", url, body });
    return url.endsWith(".png") ? new Response("png") : Response.json(kept);
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the effects of a media", () => {
  it("are those that the server has", async () => {
    kept = { number: 4, effects: [BLUR] };
    const { editor } = await open();
    expect(editor.effects.list.get()).toEqual([{ ...BLUR, feather: 1 }]);
    expect(editor.effects.shown).toBe(true);
    editor.settings.patch({ effects: false });
    expect(editor.effects.shown).toBe(false);
    expect(editor.effectLooks()).toEqual([]);
    editor.dispose();
  });

  it("are not asked for where there never were any", async () => {
    const { editor } = await open();
    expect(asked.filter(({ url }) => url.endsWith("effects"))).toEqual([]);
    editor.dispose();
  });

  it("are added, set, moved and removed, each at once and as one step", async () => {
    const { editor } = await open();
    const { effects } = editor;
    effects.add("blur");
    effects.add("outline");
    expect(effects.list.get().map(({ kind, target }) => [kind, target])).toEqual([
      ["blur", "background"],
      ["outline", "objects"],
    ]);
    effects.set(1, { width: 9, target: 3 });
    effects.move(1, -1);
    effects.remove(1);
    expect(saved().map((command) => kinds(command.effects))).toEqual([
      ["blur"],
      ["blur", "outline"],
      ["blur", "outline"],
      ["outline", "blur"],
      ["outline"],
    ]);
    expect(saved().every((command) => command.gesture === null)).toBe(true);
    expect(saved()[4]).toMatchObject({ effects: [{ kind: "outline", target: 3, width: 9 }] });
    editor.dispose();
  });

  it("that are dragged are saved when the user rests, and once more when the field is let go: one step", async () => {
    const { editor } = await open();
    const { effects } = editor;
    effects.add("blur");
    for (const radius of [13, 14, 15]) effects.drag(0, "radius", radius);
    expect(effects.list.get()[0]).toMatchObject({ radius: 15 });
    expect(saved()).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(saved()).toHaveLength(2);
    effects.drag(0, "radius", 16);
    effects.settle();
    effects.settle();
    expect(saved()).toHaveLength(3);
    expect(saved()[1]?.gesture).toBe(saved()[2]?.gesture);
    expect(saved()[2]?.gesture).toBeTypeOf("string");
    effects.drag(0, "radius", 17);
    effects.drag(0, "feather", 5);
    effects.settle();
    const gestures = saved().map((command) => command.gesture);
    expect(new Set(gestures).size).toBe(4);
    expect(saved().at(-2)).toMatchObject({ effects: [{ radius: 17, feather: 1 }] });
    editor.dispose();
  });

  it("are saved before what was done last is taken back", async () => {
    const { editor } = await open();
    editor.effects.add("blur");
    editor.effects.drag(0, "radius", 20);
    editor.undo();
    expect(
      server()
        .sent.map(({ type }) => type)
        .slice(-3),
    ).toEqual(["effects", "effects", "undo"]);
    editor.dispose();
  });

  it("that are not saved yet are when the media is left", async () => {
    const { editor } = await open();
    editor.effects.add("blur");
    editor.effects.drag(0, "radius", 20);
    editor.dispose();
    expect(saved().at(-1)).toMatchObject({ effects: [{ radius: 20 }] });
  });

  it("are asked for again when others are told of than those that were saved", async () => {
    const { editor } = await open();
    editor.effects.add("blur");
    await answer(5);
    expect(asked.filter(({ url }) => url.endsWith("effects"))).toEqual([]);
    kept = { number: 4, effects: [{ kind: "erase", target: 1 }] };
    server().say({ type: "objects", sequence: 9, objects: [], undo: true, redo: true, effects: 4 });
    await settle();
    expect(kinds(editor.effects.list.get())).toEqual(["erase"]);
    editor.dispose();
  });

  it("that another page gives while these are on their way come when these have arrived", async () => {
    const { editor } = await open();
    editor.effects.add("blur");
    kept = { number: 8, effects: [{ kind: "erase", target: 1 }] };
    server().say({ type: "objects", sequence: 2, objects: [], undo: true, redo: false, effects: 7 });
    server().say({ type: "objects", sequence: 3, objects: [], undo: true, redo: false, effects: 8 });
    await settle();
    expect(kinds(editor.effects.list.get())).toEqual(["blur"]);
    server().answer("effects", { effects: 7 });
    await settle();
    expect(kinds(editor.effects.list.get())).toEqual(["erase"]);
    editor.dispose();
  });

  it("that were lost with the connection are saved by the next one", async () => {
    const { editor } = await open();
    editor.effects.add("blur");
    server().drop();
    await settle();
    vi.advanceTimersByTime(500);
    server().say(hello({ effects: 0 }));
    await settle();
    expect(saved()).toHaveLength(1);
    expect(kinds(saved()[0]?.effects)).toEqual(["blur"]);
    editor.dispose();
  });

  it("that are refused go again, and the reason is told", async () => {
    kept = { number: 4, effects: [BLUR] };
    const { editor, notices } = await open();
    editor.effects.add("outline");
    editor.effects.drag(1, "width", 9);
    server().say({ type: "error", request: saved()[0]?.request, message: "your uploads may have 10 bytes together" });
    await settle();
    expect(notices.list.get()[0]?.text).toBe("Your uploads may have 10 bytes together");
    expect(kinds(editor.effects.list.get())).toEqual(["blur", "outline"]);
    editor.effects.settle(); // while a save is under way, the list is not taken from under the hand
    server().say({ type: "error", request: saved()[1]?.request, message: "the same" });
    await settle();
    expect(kinds(editor.effects.list.get())).toEqual(["blur"]);
    editor.effects.set(0, { radius: 9 });
    expect(saved()[2]).toMatchObject({ effects: [{ kind: "blur", radius: 9 }] });
    editor.dispose();
  });

  it("are asked for as a picture, or as a cut-out of all objects", async () => {
    const { editor } = await open();
    editor.effects.add("blur");
    asked.length = 0;
    await editor.effects.picture("effects");
    await editor.effects.picture("cut-out");
    expect(asked.map(({ body }) => body)).toMatchObject([
      { effects: [{ kind: "blur" }] },
      { effects: [{ kind: "cut-out", target: "objects" }] },
    ]);
    editor.dispose();
  });
});
