/** One open media item: the server's state as it stands, the masks around the cursor, and the parts that change it. */
import { liveUrl, loadFrame } from "./api";
import { nextToCheck } from "./checking";
import type { Desk } from "./desk";
import { type EditorState, emptyState, firstSettings, type Settings } from "./editor-state";
import { EffectDesk } from "./effect-desk";
import { looksAt } from "./looks";
import { MaskStore } from "./masks";
import type { Notices } from "./notices";
import { Objects } from "./objects";
import type { EffectLook, MaskLook } from "./painter";
import { Player } from "./player";
import { type FramePrompts, Prompting } from "./prompting";
import type { Commands, Lane, MaskMessage, MediaItem, ObjectInfo, ServerMessage } from "./protocol";
import { CommandRefused, ConnectionLost, LiveSocket, type Reply } from "./socket";
import type { StageScene } from "./stage";
import { Store } from "./state";
import type { Gesture } from "./tools";
import { Tracking } from "./tracking";
import type { Point } from "./view";

/** So long on one frame, and the user may be about to click. */
const CURSOR_RESTS_MS = 150;

export class Editor implements Desk, StageScene {
  readonly media: MediaItem;
  readonly notices: Notices;
  readonly state: Store<EditorState>;
  readonly settings: Store<Settings>;
  readonly masks = new MaskStore();
  readonly player: Player<ImageBitmap>;
  readonly objects = new Objects(this);
  readonly prompting: Prompting;
  readonly effects = new EffectDesk(this, (object, frame) => this.prompting.maskOf(object, frame));
  readonly tracking = new Tracking(this);
  /** Counts up when something on the stage has to be drawn again. */
  readonly drawn = new Store(0);
  /** Takes the pictures to show; set by the stage. */
  onPicture: (picture: ImageBitmap) => void = () => {};
  readonly #socket: LiveSocket;
  #cursorTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(media: MediaItem, notices: Notices, socket?: (url: string) => WebSocket) {
    this.media = media;
    this.notices = notices;
    this.state = new Store(emptyState());
    this.settings = new Store(firstSettings(media));
    this.player = new Player<ImageBitmap>({
      frames: media.frames,
      fps: media.fps,
      load: (frame, height, signal) => loadFrame(media.id, frame, height, signal),
      show: (_, picture) => {
        this.onPicture(picture);
        this.redraw();
      },
      failed: (frame, error) => notices.error(new Error(`frame ${frame} can't be loaded: ${error.message}`)),
      busy: () => this.state.get().working > 0 || this.state.get().job !== null,
    });
    this.prompting = new Prompting(this, this.objects);
    this.player.cursor.subscribe(this.#cursorMoved);
    this.settings.subscribe(this.redraw);
    this.#socket = new LiveSocket(
      liveUrl(media.id),
      {
        message: (message) => this.#receive(message),
        mask: (mask) => this.#receiveMask(mask),
        // Whether tracking still goes on, only the next hello can tell.
        connection: (connection) =>
          this.state.patch(connection === "open" ? { connection } : { connection, job: null }),
        refused: (reason) => notices.error(new Error(reason)),
        unreadable: notices.error,
      },
      socket,
    );
    addEventListener("online", this.#socket.reconnect);
  }

  dispose(): void {
    removeEventListener("online", this.#socket.reconnect);
    clearTimeout(this.#cursorTimer);
    this.effects.settle();
    this.#socket.close();
    this.player.dispose();
  }

  readonly redraw = (): void => {
    this.drawn.set(this.drawn.get() + 1);
  };

  // What is on the stage

  object(id: number | null): ObjectInfo | undefined {
    return this.state.get().objects.find((object) => object.id === id);
  }

  /** The masks of the shown frame, the selected object's on top; where effects are shown, proposals only. */
  looks(): MaskLook[] {
    const frame = this.player.shown;
    const looks = looksAt(
      frame,
      this.state.get(),
      this.settings.get(),
      (object) => this.prompting.maskOf(object, frame),
      this.prompting.hover.at(frame)?.mask ?? null,
    );
    return this.effects.shown ? looks.filter((look) => look.dashed) : looks;
  }

  effectLooks(): EffectLook[] {
    return this.effects.looksAt(this.player.shown);
  }

  /** Number of the frame on the stage. */
  get shown(): number {
    return this.player.shown;
  }

  /** The selected object's colour. */
  get colour(): string {
    return this.object(this.state.get().selected)?.colour ?? "#ffffff";
  }

  prompts(): FramePrompts {
    return this.prompting.promptsAt(this.player.shown);
  }

  hoverAt(point: Point | null): void {
    this.prompting.hoverAt(point);
  }

  start(): void {
    this.player.start();
  }

  showAgain(): void {
    this.player.showAgain();
  }

  setHeight(height: number | null): void {
    this.player.setHeight(height);
  }

  // Commands

  apply(gesture: Gesture): Promise<void> {
    return this.prompting.apply(gesture);
  }

  select(object: number | null): void {
    if (object === this.state.get().selected) return;
    this.state.patch({ selected: object, candidates: null });
    this.redraw();
  }

  readonly undo = (): void => {
    this.effects.settle();
    this.prompting.dismissCandidates();
    void this.attempt(() => this.send("undo", {}));
  };

  readonly redo = (): void => {
    this.effects.settle();
    this.prompting.dismissCandidates();
    void this.attempt(() => this.send("redo", {}));
  };

  /** Set one end of the range at the cursor; the other end gives way. */
  setRangeEnd(end: "first" | "last"): void {
    const at = this.player.cursor.get();
    const [first, last] = this.settings.get().range ?? [0, this.media.frames - 1];
    this.settings.patch({ range: end === "first" ? [at, Math.max(at, last)] : [Math.min(first, at), at] });
  }

  /** Go to the next frame that the model is unsure about. */
  readonly checkNext = (): void => {
    const doubt = nextToCheck(
      this.state.get().lanes,
      this.player.cursor.get(),
      (object, frame) => this.masks.get(object, frame)?.iou,
    );
    if (doubt === null) {
      this.notices.add("info", "No frame is in doubt");
      return;
    }
    this.select(doubt.object);
    this.player.pause();
    this.player.seek(doubt.frame);
    this.notices.say(`Frame ${doubt.frame}, ${this.object(doubt.object)?.name ?? ""} is in doubt`);
  };

  // The connection

  send<T extends keyof Commands>(type: T, body: Commands[T]): Promise<Reply<T>> {
    return this.#socket.request(type, body);
  }

  /** Run a command for the user: what goes wrong is told, and gives null. */
  async attempt<R>(work: () => Promise<R>): Promise<R | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CommandRefused || error instanceof ConnectionLost)) throw error;
      // While the page is left, lost commands are no news.
      if (this.state.get().connection !== "closed") this.notices.error(error);
      return null;
    }
  }

  #receive(message: Exclude<ServerMessage, { type: "done" }>): void {
    switch (message.type) {
      case "hello":
        this.masks.clear();
        this.state.patch({ job: message.job, candidates: null });
        this.#setObjects(message.objects, message.undo, message.redo);
        this.state.patch({ lanes: new Map(Object.entries(message.lanes).map(([id, lane]) => [Number(id), lane])) });
        this.effects.tell(message.effects);
        this.#askForMasks();
        this.#tellCursor();
        break;
      case "objects":
        this.#setObjects(message.objects, message.undo, message.redo);
        this.effects.tell(message.effects);
        break;
      case "lanes":
        this.#setLanes(message.lanes);
        break;
      case "dropped":
        this.masks.drop(message.object, message.frames);
        this.#askForMasks();
        break;
      case "progress":
        this.tracking.progressed(message);
        return;
      case "finished":
        this.tracking.finished(message);
        return;
      case "error":
        this.notices.error(new Error(message.message));
        return;
    }
    this.redraw();
  }

  #receiveMask(mask: MaskMessage): void {
    this.masks.put(mask);
    if (mask.frame === this.player.shown) this.redraw();
  }

  #setObjects(objects: readonly ObjectInfo[], canUndo: boolean, canRedo: boolean): void {
    const { selected } = this.state.get();
    const kept = objects.some((object) => object.id === selected);
    this.state.patch({ objects, canUndo, canRedo, selected: kept ? selected : (objects.at(-1)?.id ?? null) });
  }

  #setLanes(change: Readonly<Record<string, Lane | null>>): void {
    const lanes = new Map(this.state.get().lanes);
    for (const [id, lane] of Object.entries(change)) {
      if (lane === null) lanes.delete(Number(id));
      else lanes.set(Number(id), lane);
    }
    this.state.patch({ lanes });
  }

  readonly #cursorMoved = (): void => {
    const frame = this.player.cursor.get();
    const { candidates } = this.state.get();
    if (candidates !== null && candidates.frame !== frame) this.prompting.dismissCandidates();
    this.prompting.hover.move(null);
    this.#askForMasks();
    this.#tellCursor();
  };

  /** Let the server make the frame ready on which the cursor rests, not those that playback or a hand passes. */
  #tellCursor(): void {
    clearTimeout(this.#cursorTimer);
    this.#cursorTimer = setTimeout(() => {
      if (!this.#socket.ready) return;
      void this.attempt(() => this.send("cursor", { frame: this.player.cursor.get() }));
    }, CURSOR_RESTS_MS);
  }

  #askForMasks(): void {
    if (!this.#socket.ready && this.state.get().connection === "waiting") return;
    for (const [start, stop] of this.masks.missing(this.player.cursor.get(), this.media.frames)) {
      this.send("masks", { start, stop }).then(this.redraw, () => this.masks.askAgain(start));
    }
  }
}
