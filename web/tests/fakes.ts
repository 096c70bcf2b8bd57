/** Stand-ins for the server's side of a connection. */
import type { MediaItem, ServerMessage } from "../src/core/protocol";

export class FakeWebSocket {
  static readonly opened: FakeWebSocket[] = [];
  binaryType = "blob";
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  isClosed = false;

  constructor(readonly url: string) {
    FakeWebSocket.opened.push(this);
  }

  static get last(): FakeWebSocket {
    const socket = FakeWebSocket.opened.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  static readonly open = (url: string) => new FakeWebSocket(url) as unknown as WebSocket;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.isClosed = true;
  }

  say(message: ServerMessage | Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  sayBytes(bytes: ArrayBuffer): void {
    this.onmessage?.({ data: bytes });
  }

  drop(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }

  commands(type: string): Record<string, unknown>[] {
    return this.sent.filter((command) => command.type === type);
  }

  /** Answer the last command of a type. */
  answer(type: string, fields: Record<string, unknown> = {}): void {
    const command = this.commands(type).at(-1);
    if (command === undefined) throw new Error(`no command ${type} was sent`);
    this.say({ type: "done", request: command.request, ...fields });
  }
}

export const MEDIA: MediaItem = {
  id: "m1",
  name: "clip.mp4",
  kind: "video",
  width: 8,
  height: 6,
  frames: 100,
  fps: 25,
  objects: 0,
  created: "2026-01-01T00:00:00Z",
  changed: "2026-01-01T00:00:00Z",
  project: "local",
};

export function hello(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: "hello",
    sequence: 1,
    media: MEDIA,
    objects: [],
    lanes: {},
    undo: false,
    redo: false,
    effects: 0,
    job: null,
    ...fields,
  };
}

interface MaskFields {
  readonly kind?: 1 | 2 | 3;
  readonly flags?: number;
  readonly object?: number;
  readonly frame?: number;
  readonly number?: number;
  readonly iou?: number;
  readonly height?: number;
  readonly width?: number;
  readonly counts?: string;
}

/** A mask message; without counts the picture is all foreground. */
export function maskBytes(fields: MaskFields = {}): ArrayBuffer {
  const { kind = 1, flags = 1, object = 1, frame = 0, number = 1, iou = 0.9, height = 6, width = 8 } = fields;
  const counts = fields.counts ?? "0`1";
  const view = new DataView(new ArrayBuffer(24 + counts.length));
  view.setUint8(0, kind);
  view.setUint8(1, flags);
  view.setUint16(2, object, true);
  view.setUint32(4, frame, true);
  view.setUint32(8, number, true);
  view.setFloat32(12, 3, true);
  view.setFloat32(16, iou, true);
  view.setUint16(20, height, true);
  view.setUint16(22, width, true);
  new Uint8Array(view.buffer, 24).set(new TextEncoder().encode(counts));
  return view.buffer;
}

/** Let promises that are settled run their continuations. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
