/** The connection of a live source: frames out, masks in, commands between. It is never taken up again: its end is the
 * recording's. */
import { type MaskMessage, type MediaItem, type ObjectInfo, type Prompt, readMask, readMessage } from "./protocol";
import { CommandRefused, ConnectionLost } from "./socket";

export interface SourceCommands {
  prompt: { frame: number; object: number | null } & Prompt;
  "object-delete": { object: number };
}

/** A frame that is done: the page's number of it, and the recording's. */
export interface FrameDone {
  readonly number: number;
  readonly frame: number;
  readonly seconds: number;
  readonly bytes: number;
}

export interface SourceListener {
  started(): void;
  /** Comes before the frame is done. */
  mask(mask: MaskMessage): void;
  done(frame: FrameDone): void;
  /** A newer frame took its place. */
  skipped(number: number): void;
  objects(objects: readonly ObjectInfo[]): void;
  error(message: string): void;
  /** It is over: what was recorded, if anything, and why, if we did not ask for it. */
  ended(media: MediaItem | null, reason: string | null): void;
}

export interface SourceStart {
  readonly name: string;
  /** For which project it is recorded; null: the user's own. */
  readonly project: string | null;
  readonly width: number;
  readonly height: number;
}

type SourceMessage =
  | { type: "started" }
  | ({ type: "frame" } & FrameDone)
  | { type: "skipped"; number: number }
  | { type: "objects"; objects: ObjectInfo[] }
  | { type: "done"; request: number; object?: number }
  | { type: "error"; request: number | null; message: string }
  | { type: "ended"; media: MediaItem | null; reason: string | null };

interface Pending {
  resolve(object: number | undefined): void;
  reject(error: Error): void;
}

const HEADER_BYTES = 12;

export class SourceSocket {
  readonly #socket: WebSocket;
  readonly #listener: SourceListener;
  readonly #pending = new Map<number, Pending>();
  #requests = 0;
  #over = false;

  constructor(
    url: string,
    start: SourceStart,
    listener: SourceListener,
    open: (url: string) => WebSocket = (at) => new WebSocket(at),
  ) {
    this.#listener = listener;
    this.#socket = open(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#socket.send(JSON.stringify({ type: "start", ...start }));
    this.#socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.#receive(event.data);
    this.#socket.onclose = (event) => this.#end(null, event.reason || "the connection was lost");
  }

  /** Send a frame with its number and its time in seconds. */
  async sendFrame(number: number, seconds: number, jpeg: Blob): Promise<void> {
    const header = new DataView(new ArrayBuffer(HEADER_BYTES));
    header.setUint32(0, number, true);
    header.setFloat64(4, seconds, true);
    const bytes = await new Blob([header, jpeg]).arrayBuffer();
    if (!this.#over) this.#socket.send(bytes);
  }

  /** Give a command; the object that it was about. Rejects with CommandRefused or ConnectionLost. */
  request<T extends keyof SourceCommands>(type: T, body: SourceCommands[T]): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(new ConnectionLost("the connection is closed"));
      const request = ++this.#requests;
      this.#pending.set(request, { resolve, reject });
      this.#socket.send(JSON.stringify({ ...body, request, type }));
    });
  }

  /** Ask for the end; the listener hears of it. */
  finish(keep: boolean): void {
    if (!this.#over) this.#socket.send(JSON.stringify({ type: "finish", request: ++this.#requests, keep }));
  }

  /** The page goes: what was recorded is kept. */
  close(): void {
    this.#over = true;
    this.#socket.close();
  }

  #receive(data: string | ArrayBuffer): void {
    if (typeof data !== "string") {
      this.#listener.mask(readMask(data));
      return;
    }
    const message = readMessage<SourceMessage>(data);
    switch (message.type) {
      case "started":
        this.#listener.started();
        return;
      case "frame":
        this.#listener.done(message);
        return;
      case "skipped":
        this.#listener.skipped(message.number);
        return;
      case "objects":
        this.#listener.objects(message.objects);
        return;
      case "done":
        this.#take(message.request)?.resolve(message.object);
        return;
      case "error":
        if (message.request === null) this.#listener.error(message.message);
        else this.#take(message.request)?.reject(new CommandRefused(message.message));
        return;
      case "ended":
        this.#end(message.media, message.reason);
        return;
    }
  }

  #take(request: number): Pending | undefined {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    return pending;
  }

  #end(media: MediaItem | null, reason: string | null): void {
    if (this.#over) return;
    this.#over = true;
    for (const pending of this.#pending.values()) pending.reject(new ConnectionLost("the recording is over"));
    this.#pending.clear();
    this.#listener.ended(media, reason);
  }
}
