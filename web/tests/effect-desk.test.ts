import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Editor } from "../src/core/editor";
import { Notices } from "../src/core/notices";
import { FakeWebSocket, MEDIA } from "./fakes";

/** What the fake server was asked, and what it keeps. */
const asked: { method: string; url: string; body: unknown }[] = [];
let kept: object[] = [];

function makeEditor() {
  const notices = new Notices();
  return { notices, editor: new Editor(MEDIA, notices, FakeWebSocket.open) };
}

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  kept = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const body = typeof init.body === "string" ? JSON.parse(init.body) : null;
    asked.push({ method: init.method ?? "GET", url, body });
    if (url.endsWith(".png")) return new Response("png");
    if (init.method === "PUT") kept = body.effects;
    return Response.json({ effects: kept });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the effects of a media", () => {
  it("are those that the server keeps", async () => {
    kept = [{ kind: "blur", target: "background", radius: 30 }];
    const { editor } = makeEditor();
    await editor.effects.load();
    expect(editor.effects.list.get()).toEqual([{ kind: "blur", target: "background", radius: 30, feather: 1 }]);
    expect(editor.effects.shown).toBe(true);
    editor.settings.patch({ effects: false });
    expect(editor.effects.shown).toBe(false);
    expect(editor.effectLooks()).toEqual([]);
    editor.dispose();
  });

  it("are added, set, moved and removed, and saved once the user rests", async () => {
    const { editor } = makeEditor();
    const { effects } = editor;
    effects.add("blur");
    effects.add("outline");
    expect(effects.list.get().map(({ kind, target }) => [kind, target])).toEqual([
      ["blur", "background"],
      ["outline", "objects"],
    ]);
    effects.set(1, { width: 9, target: 3 });
    effects.move(1, -1);
    effects.add("pixelate");
    effects.remove(2);
    expect(effects.list.get().map(({ kind }) => kind)).toEqual(["outline", "blur"]);
    expect(asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked.map(({ method }) => method)).toEqual(["PUT"]);
    expect(kept[0]).toMatchObject({ kind: "outline", target: 3, width: 9 });
    editor.dispose();
  });

  it("that are not saved yet are when the media is left", async () => {
    const { editor } = makeEditor();
    editor.effects.add("blur");
    editor.dispose();
    await vi.advanceTimersByTimeAsync(0);
    expect(kept).toHaveLength(1);
  });

  it("are not taken from the server where the user was faster", async () => {
    kept = [{ kind: "blur", target: "background" }];
    const { editor } = makeEditor();
    const loading = editor.effects.load();
    editor.effects.add("erase");
    await loading;
    expect(editor.effects.list.get().map(({ kind }) => kind)).toEqual(["erase"]);
    editor.dispose();
  });

  it("tell what goes wrong", async () => {
    const { editor, notices } = makeEditor();
    vi.stubGlobal("fetch", async () => Response.json({ error: "the disk is full" }, { status: 503 }));
    editor.effects.add("blur");
    await vi.advanceTimersByTimeAsync(1000);
    expect(notices.list.get()[0]?.text).toBe("The disk is full");
    editor.dispose();
  });

  it("are asked for as a picture, or as a cut-out of all objects", async () => {
    const { editor } = makeEditor();
    editor.effects.add("blur");
    await editor.effects.picture("effects");
    await editor.effects.picture("cut-out");
    expect(asked.map(({ body }) => body)).toMatchObject([
      { effects: [{ kind: "blur" }] },
      { effects: [{ kind: "cut-out", target: "objects" }] },
    ]);
    editor.dispose();
  });
});
