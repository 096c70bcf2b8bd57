/** The live connection of one media item: requests with answers, masks with acknowledgement, reconnection. */
import { type Answer, type Commands, type MaskMessage, readMask, readMessage, type ServerMessage } from "./protocol";
import { signedIn } from "./session";

export type Connection = "connecting" | "open" | "waiting" | "closed";

/** The connection ended before the answer came: whether the command was carried out, the next hello tells. */
export class ConnectionLost extends Error {
  override name = "ConnectionLost";
}

/** The server refused a command; the message is meant for people. */
export class CommandRefused extends Error {
  override name = "CommandRefused";
}

export interface Listener {
  message(message: Exclude<ServerMessage, { type: "done" }>): void;
  /** A stored mask; previews and candidates go to the request that asked for them. */
  mask(mask: MaskMessage): void;
  connection(state: Connection): void;
  /** The server will not open this media, and says why. */
  refused(reason: string): void;
  /** A message that can't be read; it is left out. */
  unreadable(error: Error): void;
}

export interface Reply<T extends keyof Commands> {
  readonly answer: Answer<T>;
  readonly masks: readonly MaskMessage[];
}

interface Pending {
  readonly text: (request: number) => string;
  readonly masks: MaskMessage[];
  resolve(reply: { answer: unknown; masks: MaskMessage[] }): void;
  reject(error: Error): void;
}

/**
 * The server closes with these where coming back would change nothing: no such media, a file that can't be read, as
 * much open as may be; and with the first one where people have to log in first.
 */
const SIGNED_OUT = 4401;
const FINAL_CODES = [SIGNED_OUT, 4404, 4409, 4429];
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
/** The server stops at 64 masks without acknowledgement. */
const MASKS_PER_ACK = 16;
const ACK_AFTER_MS = 40;

export class LiveSocket {
  readonly #url: string;
  readonly #listener: Listener;
  readonly #open: (url: string) => WebSocket;
  readonly #pending = new Map<number, Pending>();
  /** Commands given before the first hello of a connection; sent after it. */
  #queue: Pending[] = [];
  #socket: WebSocket | null = null;
  #ready = false;
  #closed = false;
  #requests = 0;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #received = 0;
  #unacknowledged = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, listener: Listener, open: (url: string) => WebSocket = (at) => new WebSocket(at)) {
    this.#url = url;
    this.#listener = listener;
    this.#open = open;
    this.#connect();
  }

  /**
   * Give a command; the promise holds what `done` said and the previews or candidates that came before it.
   * Rejects with CommandRefused, or with ConnectionLost where the connection ends first. A command given while there
   * is no connection waits for the next one.
   */
  request<T extends keyof Commands>(type: T, body: Commands[T]): Promise<Reply<T>> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        text: (request) => JSON.stringify({ ...body, request, type }),
        masks: [],
        resolve: (reply) => resolve(reply as Reply<T>),
        reject,
      };
      if (this.#closed) reject(new ConnectionLost("the connection is closed"));
      else if (this.#ready) this.#send(pending);
      else this.#queue.push(pending);
    });
  }

  /** Whether commands would go out at once. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Try again now, for instance when the network is back. */
  readonly reconnect = (): void => {
    if (this.#closed || this.#socket !== null) return;
    clearTimeout(this.#retry);
    this.#connect();
  };

  /** End the connection for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#lose();
    socket?.close();
    for (const pending of this.#queue.splice(0)) pending.reject(new ConnectionLost("the connection is closed"));
    this.#listener.connection("closed");
  }

  #connect(): void {
    this.#listener.connection("connecting");
    const socket = this.#open(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (this.#socket === socket) this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#lose();
      if (FINAL_CODES.includes(event.code)) {
        this.#closed = true;
        for (const pending of this.#queue.splice(0)) pending.reject(new ConnectionLost(event.reason));
        this.#listener.refused(event.reason);
        this.#listener.connection("closed");
        if (event.code === SIGNED_OUT) signedIn.set(false);
        return;
      }
      this.#listener.connection("waiting");
      const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
      // Half of the wait is drawn by chance, so that many pages don't come back in one moment.
      this.#retry = setTimeout(() => this.#connect(), wait * (0.5 + Math.random() / 2));
    };
  }

  #lose(): void {
    this.#socket = null;
    this.#ready = false;
    this.#requests = 0;
    this.#unacknowledged = 0;
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of lost) pending.reject(new ConnectionLost("the connection was lost"));
  }

  #send(pending: Pending): void {
    const request = ++this.#requests;
    this.#pending.set(request, pending);
    this.#socket?.send(pending.text(request));
  }

  #receive(data: string | ArrayBuffer): void {
    try {
      if (typeof data === "string") this.#receiveMessage(readMessage(data));
      else this.#receiveMask(readMask(data));
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      this.#listener.unreadable(error);
    }
  }

  #receiveMessage(message: ServerMessage): void {
    if (message.type === "done") {
      const pending = this.#take(message.request);
      pending?.resolve({ answer: message, masks: pending.masks });
      return;
    }
    if (message.type === "error" && message.request !== null) {
      this.#take(message.request)?.reject(new CommandRefused(message.message));
      return;
    }
    this.#listener.message(message);
    if (message.type === "hello") {
      this.#failures = 0;
      this.#ready = true;
      this.#listener.connection("open");
      for (const pending of this.#queue.splice(0)) this.#send(pending);
    }
  }

  #take(request: number): Pending | undefined {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    return pending;
  }

  #receiveMask(mask: MaskMessage): void {
    if (mask.kind !== "stored") {
      this.#pending.get(mask.number)?.masks.push(mask);
      return;
    }
    this.#listener.mask(mask);
    this.#received = mask.number;
    this.#unacknowledged++;
    if (this.#unacknowledged >= MASKS_PER_ACK) this.#acknowledge();
    else this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_AFTER_MS);
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#unacknowledged = 0;
    this.#socket?.send(JSON.stringify({ type: "ack", sequence: this.#received }));
  }
}
