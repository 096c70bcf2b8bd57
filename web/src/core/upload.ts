/** Uploads in pieces that go on after a lost connection or a reloaded page. */
import { ApiError, beginUpload, finishUpload, getUpload, putUpload, type UploadState } from "./api";
import type { Dropped } from "./dropped";
import { type PackedFile, pack } from "./packing";
import type { MediaItem } from "./protocol";
import { Store } from "./state";

export interface UploadProgress {
  readonly name: string;
  readonly size: number;
  readonly sent: number;
  readonly state: "packing" | "sending" | "waiting" | "reading" | "done" | "failed" | "cancelled";
  readonly error: string | null;
}

/** What is uploaded, and how it is known again after a reload. */
export interface UploadSource {
  readonly name: string;
  /** Bytes, as far as they are known before it is opened. */
  readonly size: number;
  readonly key: string;
  open(signal: AbortSignal): Promise<Blob>;
}

export function fileSource(file: File): UploadSource {
  return {
    name: file.name,
    size: file.size,
    key: `${file.name}:${file.size}:${file.lastModified}`,
    open: async () => file,
  };
}

/** Several files as one archive, in their order. */
export function archiveSource(name: string, files: readonly PackedFile[]): UploadSource {
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  const latest = files.reduce((time, { file }) => Math.max(time, file.lastModified), 0);
  return {
    name,
    size,
    key: `${name}/${files.length}:${size}:${latest}`,
    open: (signal) => pack(files, signal),
  };
}

/** What is uploaded for one project is not what was begun for another. */
const inProject = (source: UploadSource, project: string | null): UploadSource =>
  project === null ? source : { ...source, key: `${source.key}@${project}` };

/** The part of the API that an upload needs; `finish` makes something of what was sent. */
export interface UploadApi<T> {
  begin(name: string, size: number): Promise<UploadState>;
  offset(id: string): Promise<{ offset: number }>;
  put(id: string, offset: number, bytes: Blob, signal: AbortSignal): Promise<{ offset: number }>;
  finish(id: string): Promise<T>;
}

const SENDING = {
  begin: (name: string, size: number) => beginUpload(name, size),
  offset: getUpload,
  put: putUpload,
};

/** An upload that becomes a media item of a project; null: of the user's own. */
const asMedia = (project: string | null): UploadApi<MediaItem> => ({
  ...SENDING,
  begin: (name, size) => beginUpload(name, size, project),
  finish: finishUpload,
});

/** An upload of which something else is made than a media item. */
export const uploadTo = <T>(finish: (id: string) => Promise<T>): UploadApi<T> => ({ ...SENDING, finish });

const PIECE_BYTES = 2 << 20;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const MEMORY = "masklet.uploads";

let uploadCount = 0;

export class Upload<T = MediaItem> {
  /** Tells uploads of one page apart. */
  readonly id = ++uploadCount;
  readonly progress: Store<UploadProgress>;
  readonly #source: UploadSource;
  readonly #api: UploadApi<T>;
  readonly #memory: Storage;
  readonly #abort = new AbortController();

  constructor(source: UploadSource, api: UploadApi<T>, memory: Storage = localStorage) {
    this.#source = source;
    this.#api = api;
    this.#memory = memory;
    this.progress = new Store<UploadProgress>({
      name: source.name,
      size: source.size,
      sent: 0,
      state: "packing",
      error: null,
    });
  }

  /** Send it; null where it was cancelled or refused (`progress` says why). */
  async run(): Promise<T | null> {
    let content: Blob;
    try {
      content = await this.#source.open(this.#abort.signal);
    } catch (error) {
      // A file that is gone or has changed since it was chosen, or more than an archive holds.
      if (!(error instanceof DOMException || error instanceof RangeError)) throw error;
      if (!this.#abort.signal.aborted) this.progress.patch({ state: "failed", error: error.message });
      return null;
    }
    this.progress.patch({ size: content.size });
    for (let failures = 0; ; ) {
      try {
        const made = await this.#send(content, () => {
          failures = 0;
        });
        this.#remember(null);
        this.progress.patch({ state: "done" });
        return made;
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

  async #send(content: Blob, onPiece: () => void): Promise<T> {
    let { id, offset } = await this.#begin(content.size);
    this.progress.patch({ sent: offset, state: "sending" });
    while (offset < content.size) {
      const piece = content.slice(offset, offset + PIECE_BYTES);
      ({ offset } = await this.#api.put(id, offset, piece, this.#abort.signal));
      this.progress.patch({ sent: offset });
      onPiece();
    }
    this.progress.patch({ state: "reading" });
    return this.#api.finish(id);
  }

  /** Go on with an upload of the same, or begin one. */
  async #begin(size: number): Promise<UploadState> {
    const known = this.#recall();
    if (known !== undefined) {
      try {
        return { id: known, offset: (await this.#api.offset(known)).offset };
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      }
    }
    const begun = await this.#api.begin(this.#source.name, size);
    this.#remember(begun.id);
    return begun;
  }

  #recall(): string | undefined {
    return readMemory(this.#memory)[this.#source.key];
  }

  #remember(id: string | null): void {
    const { [this.#source.key]: _, ...others } = readMemory(this.#memory);
    this.#memory.setItem(MEMORY, JSON.stringify(id === null ? others : { ...others, [this.#source.key]: id }));
  }
}

function readMemory(memory: Storage): Record<string, string> {
  const text = memory.getItem(MEMORY);
  return text === null ? {} : (JSON.parse(text) as Record<string, string>);
}

/** Whether it may work later: no answer, or a server that is busy or starting. */
function isPassing(error: ApiError): boolean {
  return [0, 409, 429, 502, 503].includes(error.status);
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

  /** Each file becomes a media item of the project, and each folder of pictures. */
  add({ files, folders }: Dropped, project: string | null = null): void {
    const sources = [...files.map(fileSource), ...folders.map((folder) => archiveSource(folder.name, folder.pictures))];
    const added = sources.map((source) => new Upload(inProject(source, project), asMedia(project)));
    this.list.set([...this.list.get(), ...added]);
    this.#waiting.push(...added);
    this.#next();
  }

  /** Take an upload off the list; one that runs is cancelled. */
  remove(upload: Upload): void {
    if (["packing", "sending", "waiting", "reading"].includes(upload.progress.get().state)) upload.cancel();
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
