/** Exact frames by number: a bounded cache around the cursor, loaded ahead of it, and playback that keeps time. */
import { Store } from "./state";

/** A decoded frame; `close` gives its memory back. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  close(): void;
}

export interface PlayerOptions<P extends Picture> {
  readonly frames: number;
  readonly fps: number;
  /** Load a frame, `height` pixels high or, for null, in full size. */
  load(frame: number, height: number | null, signal: AbortSignal): Promise<P>;
  /** Show a frame: the cursor's, once it is there. The picture may be closed after the call. */
  show(frame: number, picture: P): void;
  /** A frame can't be loaded. */
  failed(frame: number, error: Error): void;
  /** Memory for decoded frames. */
  readonly bytes?: number;
  /** Whether something that the user waits for is under way: then no frames are loaded ahead. */
  readonly busy?: () => boolean;
  readonly now?: () => number;
  readonly requestFrame?: (callback: () => void) => number;
  readonly cancelFrame?: (handle: number) => void;
}

/** While playing. */
const LOADS_AT_ONCE = 4;
/** Frames to each side that are loaded while the cursor rests. */
const AROUND = 4;
/** Seconds that are loaded ahead of playback. */
const AHEAD_SECONDS = 2;
/** The cursor rests when it has not moved for so long: until then its frame has server and browser to itself. */
const RESTS_AFTER_MS = 250;
/** Playback that is late by more than this waits for the pictures instead of skipping on. */
const LATEST_MS = 500;
const RETRY_MS = 1000;

export class Player<P extends Picture> {
  /** The frame that the user is at. Its picture may still be on its way. */
  readonly cursor = new Store(0);
  readonly playing = new Store(false);
  readonly #options: PlayerOptions<P>;
  readonly #now: () => number;
  readonly #requestFrame: (callback: () => void) => number;
  readonly #cancelFrame: (handle: number) => void;
  readonly #cache = new Map<number, P>();
  readonly #loading = new Map<number, AbortController>();
  #capacity = 24;
  #height: number | null = null;
  #shown = -1;
  #latency = 0;
  #movedAt = 0;
  #forwards = true;
  #handle = 0;
  #startFrame = 0;
  #startTime = 0;
  #disposed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #rested = false;
  #restTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PlayerOptions<P>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#requestFrame = options.requestFrame ?? ((callback) => requestAnimationFrame(callback));
    this.#cancelFrame = options.cancelFrame ?? ((handle) => cancelAnimationFrame(handle));
  }

  /** The frame whose picture was shown last; -1 before the first. */
  get shown(): number {
    return this.#shown;
  }

  /** Milliseconds that the picture shown last took to come. */
  get latency(): number {
    return this.#latency;
  }

  /** Go to a frame (clamped to the media) and show it as soon as it is there. Playback goes on from it. */
  seek(frame: number): void {
    const target = Math.min(this.#options.frames - 1, Math.max(0, Math.round(frame)));
    this.#forwards = target >= this.cursor.get();
    this.#moveTo(target);
    this.#restartClock();
  }

  step(by: number): void {
    this.pause();
    this.seek(this.cursor.get() + by);
  }

  play(): void {
    if (this.playing.get() || this.#options.frames < 2) return;
    if (this.cursor.get() === this.#options.frames - 1) this.#moveTo(0);
    this.#forwards = true;
    this.playing.set(true);
    this.#restartClock();
    this.#load();
    this.#handle = this.#requestFrame(this.#tick);
  }

  pause(): void {
    if (!this.playing.get()) return;
    this.playing.set(false);
    this.#cancelFrame(this.#handle);
    this.#waitForRest();
  }

  toggle(): void {
    if (this.playing.get()) this.pause();
    else this.play();
  }

  /** Load pictures of this height from now on (null: full size). */
  setHeight(height: number | null): void {
    if (height === this.#height) return;
    this.#height = height;
    this.#abortAll();
    this.#forgetAll();
    this.#load();
  }

  /** Begin to load around the cursor. */
  start(): void {
    this.#waitForRest();
    this.#load();
  }

  /** Show the cursor's frame once more, for instance on a canvas that lost it. */
  showAgain(): void {
    this.#moveTo(this.cursor.get());
  }

  dispose(): void {
    this.#disposed = true;
    this.pause();
    clearTimeout(this.#retry);
    clearTimeout(this.#restTimer);
    this.#abortAll();
    this.#forgetAll();
  }

  readonly #tick = (): void => {
    if (!this.playing.get()) return;
    const { frames, fps } = this.#options;
    const now = this.#now();
    const due = Math.min(frames - 1, this.#startFrame + Math.floor(((now - this.#startTime) / 1000) * fps));
    // The newest picture that is due and here; those in between are dropped.
    let next = due;
    while (next > this.cursor.get() && !this.#cache.has(next)) next--;
    if (next > this.cursor.get()) this.#moveTo(next);
    if (this.cursor.get() === frames - 1) {
      this.pause();
      return;
    }
    if (((due - this.cursor.get()) * 1000) / fps > LATEST_MS) this.#restartClock();
    this.#handle = this.#requestFrame(this.#tick);
  };

  #restartClock(): void {
    this.#startFrame = this.cursor.get();
    this.#startTime = this.#now();
  }

  #moveTo(frame: number): void {
    this.#movedAt = this.#now();
    this.cursor.set(frame);
    this.#waitForRest();
    const picture = this.#cache.get(frame);
    if (picture !== undefined) this.#show(frame, picture);
    this.#load();
  }

  #show(frame: number, picture: P): void {
    this.#shown = frame;
    this.#latency = this.#now() - this.#movedAt;
    this.#options.show(frame, picture);
  }

  /** Other frames are loaded once the cursor rests and nothing is waited for; asked for again until then. */
  #waitForRest(): void {
    this.#rested = false;
    clearTimeout(this.#restTimer);
    if (this.#disposed) return;
    this.#restTimer = setTimeout(() => {
      if (this.#options.busy?.() === true) this.#waitForRest();
      else {
        this.#rested = true;
        this.#load();
      }
    }, RESTS_AFTER_MS);
  }

  /** Frames worth having, the most wanted first. */
  #wanted(): number[] {
    const { frames, fps } = this.#options;
    const cursor = this.cursor.get();
    const ahead = this.#forwards ? 1 : -1;
    const wanted = [cursor];
    const add = (frame: number) => {
      if (frame >= 0 && frame < frames) wanted.push(frame);
    };
    // In the order of the video, as far as can be: to go back, the server has to decode from a key frame on again.
    for (let i = 1; i <= AROUND; i++) add(cursor + ahead * i);
    if (this.playing.get()) {
      for (let i = AROUND + 1; i <= AHEAD_SECONDS * fps; i++) add(cursor + i);
    } else {
      for (let i = AROUND; i >= 1; i--) add(cursor - ahead * i);
    }
    return wanted.slice(0, this.#capacity);
  }

  #load(): void {
    if (this.#disposed) return;
    const wanted = this.#wanted();
    const keep = new Set(wanted);
    for (const [frame, controller] of this.#loading) {
      if (!keep.has(frame)) {
        controller.abort();
        this.#loading.delete(frame);
      }
    }
    if (this.#rested && this.#options.busy?.() === true) this.#waitForRest();
    const most = this.playing.get() ? LOADS_AT_ONCE : this.#rested ? 1 : 0;
    for (const frame of wanted) {
      if (this.#cache.has(frame) || this.#loading.has(frame)) continue;
      // The cursor's own frame never waits for those around it.
      if (this.#loading.size >= most && frame !== this.cursor.get()) break;
      void this.#loadFrame(frame);
    }
  }

  async #loadFrame(frame: number): Promise<void> {
    const controller = new AbortController();
    this.#loading.set(frame, controller);
    try {
      const picture = await this.#options.load(frame, this.#height, controller.signal);
      if (controller.signal.aborted) {
        picture.close();
        return;
      }
      this.#loading.delete(frame);
      this.#keep(frame, picture);
      this.#load();
    } catch (error) {
      if (controller.signal.aborted) return;
      this.#loading.delete(frame);
      if (frame === this.cursor.get()) {
        this.#options.failed(frame, error instanceof Error ? error : new Error(String(error)));
      }
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#load(), RETRY_MS);
    }
  }

  #keep(frame: number, picture: P): void {
    this.#cache.set(frame, picture);
    const bytes = this.#options.bytes ?? 256 << 20;
    this.#capacity = Math.max(3 + AROUND, Math.floor(bytes / (picture.width * picture.height * 4)));
    const wanted = new Set(this.#wanted());
    for (const [held, old] of this.#cache) {
      if (this.#cache.size <= this.#capacity) break;
      if (wanted.has(held)) continue;
      this.#cache.delete(held);
      old.close();
    }
    if (frame === this.cursor.get()) this.#show(frame, picture);
  }

  #abortAll(): void {
    for (const controller of this.#loading.values()) controller.abort();
    this.#loading.clear();
  }

  #forgetAll(): void {
    for (const picture of this.#cache.values()) picture.close();
    this.#cache.clear();
  }
}
