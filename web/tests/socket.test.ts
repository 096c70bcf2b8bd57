import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MaskMessage, ServerMessage } from "../src/core/protocol";
import { signedIn } from "../src/core/session";
import { CommandRefused, ConnectionLost, LiveSocket } from "../src/core/socket";
import { FakeWebSocket, hello, maskBytes, settle } from "./fakes";

function connect() {
  const seen = {
    messages: [] as ServerMessage[],
    masks: [] as MaskMessage[],
    states: [] as string[],
    errors: [] as Error[],
    refusals: [] as string[],
  };
  const socket = new LiveSocket(
    "ws://here/live",
    {
      message: (message) => seen.messages.push(message),
      mask: (mask) => seen.masks.push(mask),
      connection: (state) => seen.states.push(state),
      refused: (reason) => seen.refusals.push(reason),
      unreadable: (error) => seen.errors.push(error),
    },
    FakeWebSocket.open,
  );
  return { socket, seen };
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeWebSocket.opened.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

describe("requests", () => {
  it("wait for hello, then go out numbered from 1 in order", async () => {
    const { socket } = connect();
    void socket.request("undo", {});
    void socket.request("cursor", { frame: 4 });
    expect(FakeWebSocket.last.sent).toEqual([]);
    FakeWebSocket.last.say(hello());
    expect(FakeWebSocket.last.sent).toEqual([
      { request: 1, type: "undo" },
      { request: 2, type: "cursor", frame: 4 },
    ]);
  });

  it("get their own answer, in any order", async () => {
    const { socket } = connect();
    FakeWebSocket.last.say(hello());
    const add = socket.request("object-add", {});
    const undo = socket.request("undo", {});
    FakeWebSocket.last.say({ type: "error", request: 2, message: "there is nothing to take back" });
    FakeWebSocket.last.say({ type: "done", request: 1, object: 7 });
    expect((await add).answer.object).toBe(7);
    await expect(undo).rejects.toThrow(new CommandRefused("there is nothing to take back"));
  });

  it("get the previews and candidates that name them", async () => {
    const { socket, seen } = connect();
    FakeWebSocket.last.say(hello());
    const first = socket.request("preview", { frame: 0, x: 1, y: 1 });
    const second = socket.request("candidates", { frame: 0, object: 1 });
    FakeWebSocket.last.sayBytes(maskBytes({ kind: 3, number: 2, iou: 0.5 }));
    FakeWebSocket.last.sayBytes(maskBytes({ kind: 3, number: 2, iou: 0.25 }));
    FakeWebSocket.last.say({ type: "done", request: 1 });
    FakeWebSocket.last.say({ type: "done", request: 2 });
    expect((await first).masks).toEqual([]);
    expect((await second).masks.map((mask) => mask.iou)).toEqual([0.5, 0.25]);
    expect(seen.masks).toEqual([]);
  });

  it("are lost with the connection, and not sent again", async () => {
    const { socket } = connect();
    FakeWebSocket.last.say(hello());
    const lost = socket.request("undo", {});
    const failed = expect(lost).rejects.toThrow(ConnectionLost);
    FakeWebSocket.last.drop();
    await failed;
    vi.advanceTimersByTime(1000);
    FakeWebSocket.last.say(hello());
    expect(FakeWebSocket.last.sent).toEqual([]);
  });

  it("begin with 1 again in the next connection", () => {
    const { socket } = connect();
    FakeWebSocket.last.say(hello());
    void socket.request("undo", {}).catch(() => {});
    FakeWebSocket.last.drop();
    void socket.request("redo", {});
    vi.advanceTimersByTime(1000);
    FakeWebSocket.last.say(hello());
    expect(FakeWebSocket.last.sent).toEqual([{ request: 1, type: "redo" }]);
  });

  it("are refused after close", async () => {
    const { socket, seen } = connect();
    socket.close();
    await expect(socket.request("undo", {})).rejects.toThrow(ConnectionLost);
    expect(FakeWebSocket.last.isClosed).toBe(true);
    expect(seen.states.at(-1)).toBe("closed");
  });
});

describe("reconnection", () => {
  it("waits longer after each failure, and starts over after a success", () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    connect();
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      FakeWebSocket.last.drop();
      const before = FakeWebSocket.opened.length;
      let waited = 0;
      while (FakeWebSocket.opened.length === before) {
        vi.advanceTimersByTime(50);
        waited += 50;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000]);
    FakeWebSocket.last.say(hello());
    FakeWebSocket.last.drop();
    const before = FakeWebSocket.opened.length;
    vi.advanceTimersByTime(250);
    expect(FakeWebSocket.opened.length).toBe(before + 1);
    vi.restoreAllMocks();
  });

  it("is tried at once when asked, but not while there is a connection", () => {
    const { socket, seen } = connect();
    socket.reconnect();
    expect(FakeWebSocket.opened.length).toBe(1);
    FakeWebSocket.last.drop();
    expect(seen.states).toEqual(["connecting", "waiting"]);
    socket.reconnect();
    expect(FakeWebSocket.opened.length).toBe(2);
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.opened.length).toBe(2);
  });

  it("ends where the server has no such media", () => {
    const { seen } = connect();
    FakeWebSocket.last.drop(4404, "there is no such media");
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.opened.length).toBe(1);
    expect(seen.refusals).toEqual(["there is no such media"]);
    expect(seen.states.at(-1)).toBe("closed");
  });

  it("ends where people have to log in first, and the page hears of it", () => {
    const { seen } = connect();
    expect(signedIn.get()).toBe(true);
    FakeWebSocket.last.drop(4401, "log in first");
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.opened.length).toBe(1);
    expect(seen.states.at(-1)).toBe("closed");
    expect(signedIn.get()).toBe(false);
    signedIn.set(true);
  });

  it("ignores what an old connection still says", () => {
    const { seen } = connect();
    const old = FakeWebSocket.last;
    old.drop();
    vi.advanceTimersByTime(1000);
    old.say(hello());
    expect(seen.messages).toEqual([]);
  });
});

describe("masks", () => {
  it("are acknowledged after 16, and after a while", async () => {
    const { seen } = connect();
    FakeWebSocket.last.say(hello());
    for (let n = 1; n <= 17; n++) FakeWebSocket.last.sayBytes(maskBytes({ number: 100 + n }));
    expect(seen.masks.length).toBe(17);
    expect(FakeWebSocket.last.commands("ack")).toEqual([{ type: "ack", sequence: 116 }]);
    vi.advanceTimersByTime(100);
    expect(FakeWebSocket.last.commands("ack").at(-1)).toEqual({ type: "ack", sequence: 117 });
    vi.advanceTimersByTime(1000);
    expect(FakeWebSocket.last.commands("ack").length).toBe(2);
    await settle();
  });

  it("that can't be read are told and left out", () => {
    const { seen } = connect();
    FakeWebSocket.last.say(hello());
    FakeWebSocket.last.sayBytes(new ArrayBuffer(3));
    FakeWebSocket.last.onmessage?.({ data: "no json" });
    expect(seen.errors.length).toBe(2);
    expect(seen.masks).toEqual([]);
  });
});
