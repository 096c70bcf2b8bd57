/** Uploads in pieces that go on after a lost connection or a reloaded page. */
import { ApiError, beginUpload, finishUpload, getUpload, putUpload, type UploadState } from "./api";
import type { MediaItem } from "./protocol";
import { Store } from "./state";

export interface UploadProgress {
  readonly name: string;
  readonly size: number;
  readonly sent: number;
  readonly state: "sending" | "waiting" | "reading" | "done" | "failed" | "cancelled";
  readonly error: string | null;
}

/** The part of the API that an upload needs. */
export interface UploadApi {
  begin(name: string, size: number): Promise<UploadState>;
  offset(id: string): Promise<{ offset: number }>;
  put(id: string, offset: number, bytes: Blob, signal: AbortSignal): Promise<{ offset: number }>;
  finish(id: string): Promise<MediaItem>;
}

const HTTP_API: UploadApi = { begin: beginUpload, offset: getUpload, put: putUpload, finish: finishUpload };

const PIECE_BYTES = 2 << 20;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const MEMORY = "masklet.uploads";

let uploadCount = 0;

export class Upload {
  /** Tells uploads of one page apart. */
  readonly id = ++uploadCount;
  readonly progress: Store<UploadProgress>;
  readonly #file: File;
  readonly #api: UploadApi;
  readonly #memory: Storage;
  readonly #abort = new AbortController();

  constructor(file: File, api: UploadApi = HTTP_API, memory: Storage = localStorage) {
    this.#file = file;
    this.#api = api;
    this.#memory = memory;
    this.progress = new Store<UploadProgress>({
      name: file.name,
      size: file.size,
      sent: 0,
      state: "sending",
      error: null,
    });
  }

  /** Send the file; null where it was cancelled or refused (`progress` says why). */
  async run(): Promise<MediaItem | null> {
    for (let failures = 0; ; ) {
      try {
        const media = await this.#send(() => {
          failures = 0;
        });
        this.#remember(null);
        this.progress.patch({ state: "done" });
        return media;
      } catch (error) {
        if (this.#abort.signal.aborted) return null;
        if (!(error instanceof ApiError)) throw error;
        if (!isPassing(error)) {
          this.#remember(null);
          this.progress.patch({ state: "failed", error: error.message });
          return null;
        }
        this.progress.patch({ state: "waiting" });
        await wait(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++), this.#abort.signal);
        if (this.#abort.signal.aborted) return null;
      }
    }
  }

  cancel(): void {
    this.#abort.abort();
    this.#remember(null);
    this.progress.patch({ state: "cancelled" });
  }

  async #send(onPiece: () => void): Promise<MediaItem> {
    let { id, offset } = await this.#begin();
    this.progress.patch({ sent: offset, state: "sending" });
    while (offset < this.#file.size) {
      const piece = this.#file.slice(offset, offset + PIECE_BYTES);
      ({ offset } = await this.#api.put(id, offset, piece, this.#abort.signal));
      this.progress.patch({ sent: offset });
      onPiece();
    }
    this.progress.patch({ state: "reading" });
    return this.#api.finish(id);
  }

  /** Go on with an upload of the same file, or begin one. */
  async #begin(): Promise<UploadState> {
    const known = this.#recall();
    if (known !== undefined) {
      try {
        return { id: known, offset: (await this.#api.offset(known)).offset };
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      }
    }
    const begun = await this.#api.begin(this.#file.name, this.#file.size);
    this.#remember(begun.id);
    return begun;
  }

  get #key(): string {
    return `${this.#file.name}:${this.#file.size}:${this.#file.lastModified}`;
  }

  #recall(): string | undefined {
    return readMemory(this.#memory)[this.#key];
  }

  #remember(id: string | null): void {
    const { [this.#key]: _, ...others } = readMemory(this.#memory);
    this.#memory.setItem(MEMORY, JSON.stringify(id === null ? others : { ...others, [this.#key]: id }));
  }
}

function readMemory(memory: Storage): Record<string, string> {
  const text = memory.getItem(MEMORY);
  return text === null ? {} : (JSON.parse(text) as Record<string, string>);
}

/** Whether it may work later: no answer, or a server that is busy or starting. */
function isPassing(error: ApiError): boolean {
  return error.status === 0 || error.status === 409 || error.status === 502 || error.status === 503;
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const UPLOADS_AT_ONCE = 2;

/** All uploads of this page; they go on while the user looks at something else. */
export class UploadQueue {
  readonly list = new Store<readonly Upload[]>([]);
  readonly #onDone: (media: MediaItem) => void;
  #running = 0;
  #waiting: Upload[] = [];

  constructor(onDone: (media: MediaItem) => void) {
    this.#onDone = onDone;
  }

  add(files: Iterable<File>): void {
    const added = [...files].map((file) => new Upload(file));
    this.list.set([...this.list.get(), ...added]);
    this.#waiting.push(...added);
    this.#next();
  }

  /** Take an upload off the list; one that runs is cancelled. */
  remove(upload: Upload): void {
    if (["sending", "waiting", "reading"].includes(upload.progress.get().state)) upload.cancel();
    this.#waiting = this.#waiting.filter((other) => other !== upload);
    this.list.set(this.list.get().filter((other) => other !== upload));
  }

  #next(): void {
    while (this.#running < UPLOADS_AT_ONCE) {
      const upload = this.#waiting.shift();
      if (upload === undefined) return;
      this.#running++;
      void upload.run().then((media) => {
        this.#running--;
        if (media !== null) {
          this.remove(upload);
          this.#onDone(media);
        }
        this.#next();
      });
    }
  }
}
