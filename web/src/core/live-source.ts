/** A camera or screen that is segmented while it runs: every frame is shown with its own masks, when they are here. */
import { sourceUrl } from "./api";
import { firstSettings, type Settings } from "./editor-state";
import type { Grabber } from "./frame-grabber";
import { looksAt } from "./looks";
import type { Notices } from "./notices";
import type { MaskLook } from "./painter";
import type { FramePrompts } from "./prompting";
import type { MaskMessage, MediaItem, ObjectInfo, Prompt } from "./protocol";
import { CommandRefused, ConnectionLost } from "./socket";
import { type FrameDone, type SourceListener, SourceSocket, type SourceStart } from "./source-socket";
import type { StageScene } from "./stage";
import { Store } from "./state";
import type { Gesture } from "./tools";
import type { Size } from "./view";

/** One that the server works on and one on its way: a frame is never older than that. */
const FRAMES_UNDER_WAY = 2;
const RATE_OVER_MS = 2000;
/** Masks of frames this far back are no longer shown. */
const MASKS_KEPT = 8;

export interface SourceState {
  readonly phase: "starting" | "running" | "paused" | "ending" | "ended";
  readonly objects: readonly ObjectInfo[];
  readonly selected: number | null;
  /** Of the recording. */
  readonly seconds: number;
  readonly bytes: number;
  /** Frames a second that come back with masks. */
  readonly rate: number;
  /** Prompts whose masks are not here yet. */
  readonly working: number;
  /** The recording, once it is over. */
  readonly media: MediaItem | null;
  readonly reason: string | null;
}

export class LiveSource implements StageScene, SourceListener {
  readonly media: Size;
  readonly state: Store<SourceState>;
  readonly settings: Store<Settings>;
  readonly drawn = new Store(0);
  onPicture: (picture: ImageBitmap) => void = () => {};
  /** Number of the frame that is shown; -1 before the first. */
  shown = -1;
  readonly #grabber: Grabber;
  readonly #notices: Notices;
  readonly #socket: SourceSocket;
  readonly #now: () => number;
  /** Frames that the server has not answered for, by their number. */
  readonly #underWay = new Map<number, ImageBitmap>();
  readonly #masks = new Map<number, Map<number, MaskMessage>>();
  readonly #shownAt: number[] = [];
  #picture: ImageBitmap | null = null;
  #pending: { readonly frame: number; readonly prompt: Prompt } | null = null;
  #number = 0;
  #grabbing = false;
  /** The clock of the recording stands while it is paused. */
  #elapsed = 0;
  #since = 0;
  #lastTime = -1;

  /** @param about the recording's name, and its project (null: the user's own) */
  constructor(
    about: Pick<SourceStart, "name" | "project">,
    grabber: Grabber,
    notices: Notices,
    open?: (url: string) => WebSocket,
    now: () => number = () => performance.now(),
  ) {
    this.media = grabber.size;
    this.#grabber = grabber;
    this.#notices = notices;
    this.#now = now;
    this.state = new Store<SourceState>({
      phase: "starting",
      objects: [],
      selected: null,
      seconds: 0,
      bytes: 0,
      rate: 0,
      working: 0,
      media: null,
      reason: null,
    });
    this.settings = new Store({ ...firstSettings(grabber.size), preview: false });
    this.settings.subscribe(this.#redraw);
    grabber.onEnded = () => this.finish(true);
    this.#socket = new SourceSocket(sourceUrl(), { ...about, ...grabber.size }, this, open);
  }

  dispose(): void {
    this.#grabber.close();
    this.#socket.close();
    this.#forgetPictures();
  }

  // Commands

  pause(): void {
    if (this.state.get().phase !== "running") return;
    this.#elapsed += this.#now() - this.#since;
    this.state.patch({ phase: "paused", rate: 0 });
    this.#shownAt.length = 0;
  }

  resume(): void {
    if (this.state.get().phase !== "paused") return;
    this.#since = this.#now();
    this.state.patch({ phase: "running" });
    void this.#pump();
  }

  /** End the recording; `keep` it, or not. */
  finish(keep: boolean): void {
    if (["ending", "ended"].includes(this.state.get().phase)) return;
    this.state.patch({ phase: "ending" });
    this.#grabber.close();
    this.#socket.finish(keep);
  }

  select(object: number | null): void {
    this.state.patch({ selected: object });
    this.#redraw();
  }

  async deleteObject(object: number): Promise<void> {
    await this.#attempt(() => this.#socket.request("object-delete", { object }));
  }

  // What the stage asks

  /** CSS colour of the object in hand. */
  get colour(): string {
    const { objects, selected } = this.state.get();
    return objects.find((object) => object.id === selected)?.colour ?? "#ffffff";
  }

  start(): void {
    this.showAgain();
  }

  showAgain(): void {
    if (this.#picture !== null) this.onPicture(this.#picture);
  }

  setHeight(): void {
    // Frames come in one size.
  }

  hoverAt(): void {
    // A frame is gone before a preview of it would be here.
  }

  looks(): MaskLook[] {
    const masks = this.#masks.get(this.shown);
    const state = { ...this.state.get(), candidates: null };
    return looksAt(this.shown, state, this.settings.get(), (object) => masks?.get(object)?.mask ?? null, null);
  }

  effectLooks(): readonly never[] {
    return [];
  }

  prompts(): FramePrompts {
    return { known: null, pending: this.#pending?.frame === this.shown ? this.#pending.prompt : null };
  }

  /** A click or a box is for the frame that is shown. */
  async apply(gesture: Gesture): Promise<void> {
    const { phase, selected, working } = this.state.get();
    if (this.shown < 0 || (phase !== "running" && phase !== "paused")) return;
    if (gesture.kind !== "click" && gesture.kind !== "box") return;
    const prompt: Prompt =
      gesture.kind === "click"
        ? { points: [[gesture.at.x, gesture.at.y]], labels: [gesture.label], box: null }
        : { points: [], labels: [], box: gesture.box };
    this.#pending = { frame: this.shown, prompt };
    this.state.patch({ working: working + 1 });
    this.#redraw();
    const object = await this.#attempt(() =>
      this.#socket.request("prompt", { ...prompt, frame: this.shown, object: selected }),
    );
    this.#pending = null;
    this.state.patch({ working: this.state.get().working - 1 });
    if (object !== null && object !== undefined && selected === null) this.select(object);
    this.#redraw();
  }

  // What the server says

  started(): void {
    this.#since = this.#now();
    this.state.patch({ phase: "running" });
    void this.#pump();
  }

  mask(mask: MaskMessage): void {
    const masks = this.#masks.get(mask.frame) ?? new Map<number, MaskMessage>();
    masks.set(mask.object, mask);
    this.#masks.set(mask.frame, masks);
    if (mask.frame === this.shown) this.#redraw();
  }

  done({ number, frame, seconds, bytes }: FrameDone): void {
    const picture = this.#underWay.get(number);
    this.#underWay.delete(number);
    if (picture !== undefined) {
      this.#picture?.close();
      this.#picture = picture;
      this.shown = frame;
      for (const old of this.#masks.keys()) if (old <= frame - MASKS_KEPT) this.#masks.delete(old);
      this.onPicture(picture);
    }
    this.state.patch({ seconds, bytes, rate: this.#measure() });
    void this.#pump();
  }

  skipped(number: number): void {
    this.#underWay.get(number)?.close();
    this.#underWay.delete(number);
    void this.#pump();
  }

  objects(objects: readonly ObjectInfo[]): void {
    const { selected } = this.state.get();
    const kept = objects.some((object) => object.id === selected);
    this.state.patch({ objects, selected: kept ? selected : null });
    this.#redraw();
  }

  error(message: string): void {
    this.#notices.error(new Error(message));
  }

  ended(media: MediaItem | null, reason: string | null): void {
    this.#grabber.close();
    this.#forgetPictures();
    this.state.patch({ phase: "ended", media, reason });
  }

  // Inside

  readonly #redraw = (): void => {
    this.drawn.set(this.drawn.get() + 1);
  };

  /** Send the newest frame for as long as few enough are under way. */
  async #pump(): Promise<void> {
    if (this.#grabbing) return;
    this.#grabbing = true;
    try {
      while (this.state.get().phase === "running" && this.#underWay.size < FRAMES_UNDER_WAY) {
        const { picture, jpeg } = await this.#grabber.grab();
        if (this.state.get().phase !== "running") {
          picture.close();
          return;
        }
        const number = this.#number++;
        this.#underWay.set(number, picture);
        await this.#socket.sendFrame(number, this.#nextTime(), jpeg);
      }
    } finally {
      this.#grabbing = false;
    }
  }

  /** Seconds of the recording; a millisecond on at least, as the server asks. */
  #nextTime(): number {
    this.#lastTime = Math.max(this.#lastTime + 1, Math.round(this.#elapsed + this.#now() - this.#since));
    return this.#lastTime / 1000;
  }

  /** Frames a second over the last two seconds. */
  #measure(): number {
    const now = this.#now();
    this.#shownAt.push(now);
    while ((this.#shownAt[0] ?? now) < now - RATE_OVER_MS) this.#shownAt.shift();
    const span = now - (this.#shownAt[0] ?? now);
    return span === 0 ? 0 : ((this.#shownAt.length - 1) * 1000) / span;
  }

  /** What goes wrong is told, and gives null. */
  async #attempt<R>(work: () => Promise<R>): Promise<R | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CommandRefused || error instanceof ConnectionLost)) throw error;
      if (error instanceof CommandRefused) this.#notices.error(error);
      return null;
    }
  }

  #forgetPictures(): void {
    for (const picture of this.#underWay.values()) picture.close();
    this.#underWay.clear();
  }
}
