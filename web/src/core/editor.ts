/** One open media item: the server's state as it stands, the masks around the cursor, and every command. */
import { liveUrl, loadFrame } from "./api";
import { nextToCheck } from "./checking";
import { type EditorState, emptyState, firstSettings, type Settings } from "./editor-state";
import { HoverPreview } from "./hover";
import { looksAt } from "./looks";
import { MaskStore } from "./masks";
import type { Notices } from "./notices";
import type { MaskLook } from "./painter";
import { Player } from "./player";
import type { Commands, Direction, Lane, MaskMessage, MediaItem, ObjectInfo, Prompt, ServerMessage } from "./protocol";
import { encodeCounts, type Mask } from "./rle";
import { CommandRefused, ConnectionLost, LiveSocket, type Reply } from "./socket";
import { Store } from "./state";
import { edited, type Gesture } from "./tools";

interface PendingPrompt {
  readonly object: number;
  readonly frame: number;
  readonly prompt: Prompt;
}

const CURSOR_INTERVAL_MS = 150;

export class Editor {
  readonly media: MediaItem;
  readonly notices: Notices;
  readonly state: Store<EditorState>;
  readonly settings: Store<Settings>;
  readonly masks = new MaskStore();
  readonly player: Player<ImageBitmap>;
  readonly hover: HoverPreview;
  /** Counts up when something on the stage has to be drawn again. */
  readonly drawn = new Store(0);
  /** Takes the pictures to show; set by the stage. */
  onPicture: (picture: ImageBitmap) => void = () => {};
  readonly #socket: LiveSocket;
  /** Masks edited by hand that the server has not confirmed, by "object:frame". */
  readonly #drafts = new Map<string, Mask>();
  #pending: readonly PendingPrompt[] = [];
  /** The tracking run that was last heard of. */
  #lastJob: number | null = null;
  /** Where tracking took the cursor last: a user who goes elsewhere is left there. */
  #followed = -1;
  #creating: Promise<number> | null = null;
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
    });
    this.hover = new HoverPreview(
      ({ frame, x, y }) => this.#socket.request("preview", { frame, x, y }).then((reply) => reply.masks[0] ?? null),
      this.redraw,
    );
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

  /** The mask of an object in a frame as the user sees it, with edits that are on their way. */
  maskOf(object: number, frame: number): Mask | null {
    return this.#drafts.get(`${object}:${frame}`) ?? this.masks.get(object, frame)?.mask ?? null;
  }

  /** Prompts of the selected object in a frame: those that the server has, and those on their way to it. */
  promptsAt(frame: number): { known: Prompt | null; pending: Prompt | null } {
    const { selected, lanes } = this.state.get();
    const mine = this.#pending.filter((entry) => entry.frame === frame && entry.object === selected);
    const pending =
      mine.length === 0
        ? null
        : {
            points: mine.flatMap((entry) => entry.prompt.points),
            labels: mine.flatMap((entry) => entry.prompt.labels),
            box: mine.findLast((entry) => entry.prompt.box !== null)?.prompt.box ?? null,
          };
    const known = selected === null ? undefined : lanes.get(selected)?.prompts?.[String(frame)];
    return { known: known ?? null, pending };
  }

  /** The masks of the shown frame, the selected object's on top. */
  looks(): MaskLook[] {
    const frame = this.player.shown;
    return looksAt(
      frame,
      this.state.get(),
      this.settings.get(),
      (object) => this.maskOf(object, frame),
      this.hover.at(frame)?.mask ?? null,
    );
  }

  /** The pointer rests on the picture (null: it left): show what a click would give, where that is true. */
  hoverAt(point: { x: number; y: number } | null): void {
    const { selected, job, working } = this.state.get();
    const { tool, value, preview } = this.settings.get();
    const frame = this.player.shown;
    // A click beside an existing mask corrects it; what it alone would give is then no preview of it.
    const isFirst = selected === null || (this.maskOf(selected, frame) === null && !this.#isPrompted(selected, frame));
    const idle = job === null && working === 0 && !this.player.playing.get() && this.state.get().connection === "open";
    const place = point !== null && preview && tool === "click" && value === 1 && isFirst && idle;
    this.hover.move(place ? { frame, x: point.x, y: point.y } : null);
  }

  #isPrompted(object: number, frame: number): boolean {
    const lane = this.state.get().lanes.get(object);
    return lane !== undefined && (lane.prompted.includes(frame) || lane.edited.includes(frame));
  }

  // Commands

  /** Carry out a finished movement on the shown frame. */
  async apply(gesture: Gesture): Promise<void> {
    this.player.pause();
    if (gesture.kind === "click") {
      const { at, label } = gesture;
      await this.#prompt({ points: [[at.x, at.y]], labels: [label], box: null }, false);
    } else if (gesture.kind === "box") {
      await this.#prompt({ points: [], labels: [], box: gesture.box }, true);
    } else {
      await this.#editMask(gesture);
    }
  }

  readonly addObject = (): Promise<number | null> =>
    this.#attempt(async () => {
      this.#creating ??= this.#send("object-add", {}).then(({ answer }) => answer.object);
      try {
        const object = await this.#creating;
        this.select(object);
        return object;
      } finally {
        this.#creating = null;
      }
    });

  changeObject(object: number, change: Omit<Commands["object-change"], "object">): void {
    void this.#attempt(() => this.#send("object-change", { object, ...change }));
  }

  deleteObject(object: number): void {
    void this.#attempt(() => this.#send("object-delete", { object }));
  }

  /** One object becomes part of another, frame by frame. */
  mergeObject(object: number, into: number): void {
    void this.#attempt(async () => {
      await this.#send("object-merge", { objects: [into, object], into });
      this.select(into);
    });
  }

  select(object: number | null): void {
    if (object === this.state.get().selected) return;
    this.state.patch({ selected: object, candidates: null });
    this.redraw();
  }

  /** Take the prompts and the mask of the selected object off the shown frame. */
  readonly clearFrame = (): void => {
    const object = this.state.get().selected;
    if (object === null) return;
    this.dismissCandidates();
    void this.#attempt(() => this.#send("clear", { frame: this.player.shown, object }));
  };

  clearObject(object: number): void {
    this.dismissCandidates();
    void this.#attempt(() => this.#send("clear", { object }));
  }

  readonly undo = (): void => {
    this.dismissCandidates();
    void this.#attempt(() => this.#send("undo", {}));
  };

  readonly redo = (): void => {
    this.dismissCandidates();
    void this.#attempt(() => this.#send("redo", {}));
  };

  /** Follow objects (null: all that are not locked) from the cursor, within the range where one is set. */
  track(direction: Direction, objects: readonly number[] | null): void {
    const { range } = this.settings.get();
    const start = this.player.cursor.get();
    let stop: number | null = null;
    if (direction === "forward" && range !== null && range[1] > start) stop = range[1] + 1;
    if (direction === "backward" && range !== null && range[0] < start) stop = range[0] - 1;
    this.#track({ direction, start, stop, objects });
  }

  /** Follow objects within the range, from their prompts both ways. */
  trackRange(objects: readonly number[] | null): void {
    const { range } = this.settings.get();
    if (range !== null) this.#track({ direction: "both", start: range[0], stop: range[1] + 1, objects });
  }

  #track(order: Commands["track"]): void {
    this.dismissCandidates();
    this.player.pause();
    this.#followed = this.player.cursor.get();
    void this.#attempt(async () => {
      const { answer } = await this.#send("track", order);
      // The run may already have told of itself, or be over.
      if (answer.job !== this.#lastJob) this.state.patch({ job: { job: answer.job } });
    });
  }

  readonly stopTracking = (): void => {
    const job = this.state.get().job;
    if (job !== null) void this.#attempt(() => this.#send("stop", { job: job.job }));
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

  /** Show a candidate in place of the chosen one; null: the chosen one again. */
  tryCandidate(tried: number | null): void {
    const { candidates } = this.state.get();
    if (candidates === null) return;
    this.state.patch({ candidates: { ...candidates, tried } });
    this.redraw();
  }

  chooseCandidate(candidate: number): void {
    const { candidates } = this.state.get();
    if (candidates === null) return;
    const { object, frame } = candidates;
    this.state.patch({ candidates: { ...candidates, chosen: candidate, tried: null } });
    void this.#attempt(() => this.#send("choose", { object, frame, candidate }));
  }

  readonly dismissCandidates = (): void => {
    this.state.patch({ candidates: null });
    this.redraw();
  };

  // Prompts

  async #prompt(prompt: Prompt, fresh: boolean): Promise<void> {
    const frame = this.player.shown;
    this.dismissCandidates();
    this.hover.move(null);
    await this.#attempt(async () => {
      const object = await this.#target();
      const entry: PendingPrompt = { object, frame, prompt };
      this.#setPending([...this.#pending, entry]);
      try {
        const { answer } = await this.#send("prompt", { ...prompt, frame, object, fresh });
        this.#sayResult(object, frame);
        if (answer.candidates > 1) await this.#loadCandidates(object, frame);
      } finally {
        this.#setPending(this.#pending.filter((other) => other !== entry));
      }
    });
  }

  async #editMask(gesture: Extract<Gesture, { kind: "lasso" | "stroke" }>): Promise<void> {
    const frame = this.player.shown;
    this.dismissCandidates();
    await this.#attempt(async () => {
      const object = await this.#target();
      const mask = edited(this.maskOf(object, frame), this.media, gesture);
      if (mask === null) return;
      const key = `${object}:${frame}`;
      this.#drafts.set(key, mask);
      this.redraw();
      try {
        await this.#send("mask", { frame, object, counts: encodeCounts(mask.runs) });
        this.#sayResult(object, frame);
      } finally {
        // A later stroke has a draft of its own.
        if (this.#drafts.get(key) === mask) this.#drafts.delete(key);
        this.redraw();
      }
    });
  }

  async #loadCandidates(object: number, frame: number): Promise<void> {
    const { masks } = await this.#send("candidates", { object, frame });
    // Another prompt or another frame meanwhile: they are no longer the choice.
    if (this.player.shown !== frame || this.#pending.length > 1 || masks.length < 2) return;
    this.state.patch({ candidates: { object, frame, masks, chosen: 0, tried: null } });
  }

  /** The object that a prompt is for: the selected one, or a new one. */
  async #target(): Promise<number> {
    const { selected } = this.state.get();
    const object = this.object(selected);
    if (object?.locked) throw new CommandRefused(`${object.name} is locked; unlock it to change it`);
    if (object?.hidden) throw new CommandRefused(`${object.name} is hidden; show it to change it`);
    if (object !== undefined) return object.id;
    const added = await this.addObject();
    if (added === null) throw new CommandRefused("no object could be added");
    return added;
  }

  #setPending(pending: readonly PendingPrompt[]): void {
    this.#pending = pending;
    this.state.patch({ working: pending.length });
    this.redraw();
  }

  #sayResult(object: number, frame: number): void {
    const mask = this.masks.get(object, frame);
    const name = this.object(object)?.name ?? `Object ${object}`;
    const found = mask?.visible ? `predicted quality ${Math.round(mask.iou * 100)} percent` : "nothing found";
    this.notices.say(`${name}, frame ${frame}: ${found}`);
  }

  // The connection

  #send<T extends keyof Commands>(type: T, body: Commands[T]): Promise<Reply<T>> {
    return this.#socket.request(type, body);
  }

  /** Run a command for the user: what goes wrong is told, and gives null. */
  async #attempt<R>(work: () => Promise<R>): Promise<R | null> {
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
        this.#askForMasks();
        break;
      case "objects":
        this.#setObjects(message.objects, message.undo, message.redo);
        break;
      case "lanes":
        this.#setLanes(message.lanes);
        break;
      case "dropped":
        this.masks.drop(message.object, message.frames);
        this.#askForMasks();
        break;
      case "progress":
        this.#lastJob = message.job;
        this.state.patch({ job: message });
        this.#follow(message.frame);
        return;
      case "finished":
        this.#lastJob = message.job;
        this.state.patch({ job: null });
        if (message.state === "failed") this.notices.error(new Error(`tracking failed: ${message.error ?? ""}`));
        else this.notices.say(message.state === "done" ? "Tracking is done" : "Tracking is stopped");
        return;
      case "error":
        this.notices.error(new Error(message.message));
        return;
    }
    this.redraw();
  }

  #follow(frame: number): void {
    if (!this.settings.get().follow || this.player.cursor.get() !== this.#followed) return;
    this.#followed = frame;
    this.player.seek(frame);
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
    if (candidates !== null && candidates.frame !== frame) this.dismissCandidates();
    this.hover.move(null);
    this.#askForMasks();
    // The server need not hear of every frame that playback passes.
    this.#cursorTimer ??= setTimeout(() => {
      this.#cursorTimer = undefined;
      if (!this.#socket.ready) return;
      void this.#attempt(() => this.#send("cursor", { frame: this.player.cursor.get() }));
    }, CURSOR_INTERVAL_MS);
  };

  #askForMasks(): void {
    if (!this.#socket.ready && this.state.get().connection === "waiting") return;
    for (const [start, stop] of this.masks.missing(this.player.cursor.get(), this.media.frames)) {
      this.#send("masks", { start, stop }).then(this.redraw, () => this.masks.askAgain(start));
    }
  }
}
