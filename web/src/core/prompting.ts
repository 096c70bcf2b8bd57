/** Prompts on the shown frame: clicks, boxes, masks edited by hand, the candidates of a click, the hover preview. */
import type { Desk } from "./desk";
import { HoverPreview } from "./hover";
import type { Objects } from "./objects";
import type { Prompt } from "./protocol";
import { encodeCounts, type Mask } from "./rle";
import { CommandRefused } from "./socket";
import { edited, type Gesture } from "./tools";

/** A click's mask is to be on the screen before the model works on its candidates: both may want the same cores. */
const MASK_FIRST_MS = 50;

interface PendingPrompt {
  /** null: one that it makes. */
  readonly object: number | null;
  readonly frame: number;
  readonly prompt: Prompt;
}

/** The prompts of a frame: those that the server has, and those on their way to it. */
export interface FramePrompts {
  readonly known: Prompt | null;
  readonly pending: Prompt | null;
}

export class Prompting {
  readonly hover: HoverPreview;
  readonly #desk: Desk;
  readonly #objects: Objects;
  /** Masks edited by hand that the server has not confirmed, by "object:frame". */
  readonly #drafts = new Map<string, Mask>();
  #pending: readonly PendingPrompt[] = [];

  constructor(desk: Desk, objects: Objects) {
    this.#desk = desk;
    this.#objects = objects;
    this.hover = new HoverPreview(
      ({ frame, x, y }) => desk.send("preview", { frame, x, y }).then((reply) => reply.masks[0] ?? null),
      desk.redraw,
    );
  }

  /** The mask of an object in a frame as the user sees it, with edits that are on their way. */
  maskOf(object: number, frame: number): Mask | null {
    return this.#drafts.get(`${object}:${frame}`) ?? this.#desk.masks.get(object, frame)?.mask ?? null;
  }

  /** Prompts of the selected object in a frame. */
  promptsAt(frame: number): FramePrompts {
    const { selected, lanes } = this.#desk.state.get();
    const mine = this.#pending.filter((entry) => entry.frame === frame && (entry.object ?? selected) === selected);
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

  /** The pointer rests on the picture (null: it left): show what a click would give, where that is true. */
  hoverAt(point: { x: number; y: number } | null): void {
    const { selected, job, working, connection } = this.#desk.state.get();
    if (working > 0) return;
    const { tool, value, preview } = this.#desk.settings.get();
    const { shown: frame, playing } = this.#desk.player;
    // A click beside an existing mask corrects it; what it alone would give is then no preview of it.
    const isFirst = selected === null || (this.maskOf(selected, frame) === null && !this.#isPrompted(selected, frame));
    const idle = job === null && !playing.get() && connection === "open";
    const place = point !== null && preview && tool === "click" && value === 1 && isFirst && idle;
    this.hover.move(place ? { frame, x: point.x, y: point.y } : null);
  }

  /** Carry out a finished movement on the shown frame. */
  async apply(gesture: Gesture): Promise<void> {
    this.#desk.player.pause();
    if (gesture.kind === "click") {
      const { at, label } = gesture;
      if (label === 1) this.hover.hold({ frame: this.#desk.player.shown, ...at });
      else this.hover.move(null);
      await this.#prompt({ points: [[at.x, at.y]], labels: [label], box: null }, false);
    } else if (gesture.kind === "box") {
      this.hover.move(null);
      await this.#prompt({ points: [], labels: [], box: gesture.box }, true);
    } else {
      await this.#editMask(gesture);
    }
  }

  /** Take the prompts and the mask of the selected object off the shown frame. */
  readonly clearFrame = (): void => {
    const object = this.#desk.state.get().selected;
    if (object === null) return;
    this.dismissCandidates();
    void this.#desk.attempt(() => this.#desk.send("clear", { frame: this.#desk.player.shown, object }));
  };

  /** Show a candidate in place of the chosen one; null: the chosen one again. */
  tryCandidate(tried: number | null): void {
    const { candidates } = this.#desk.state.get();
    if (candidates === null) return;
    this.#desk.state.patch({ candidates: { ...candidates, tried } });
    this.#desk.redraw();
  }

  chooseCandidate(candidate: number): void {
    const { candidates } = this.#desk.state.get();
    if (candidates === null) return;
    const { object, frame } = candidates;
    this.#desk.state.patch({ candidates: { ...candidates, chosen: candidate, tried: null } });
    void this.#desk.attempt(() => this.#desk.send("choose", { object, frame, candidate }));
  }

  readonly dismissCandidates = (): void => {
    this.#desk.state.patch({ candidates: null });
    this.#desk.redraw();
  };

  async #prompt(prompt: Prompt, fresh: boolean): Promise<void> {
    const frame = this.#desk.player.shown;
    this.dismissCandidates();
    await this.#desk.attempt(async () => {
      const object = await this.#target();
      const entry: PendingPrompt = { object, frame, prompt };
      this.#setPending([...this.#pending, entry]);
      try {
        const sent = this.#desk.send("prompt", { ...prompt, frame, object, fresh });
        const expected = object === null ? this.#objects.expect(sent) : sent;
        const { answer } = await expected.finally(() => this.hover.move(null));
        this.#sayResult(answer.object, frame);
        if (answer.candidates > 1) await this.#loadCandidates(answer.object, frame);
      } finally {
        this.#setPending(this.#pending.filter((other) => other !== entry));
      }
    });
  }

  async #editMask(gesture: Extract<Gesture, { kind: "lasso" | "stroke" }>): Promise<void> {
    const frame = this.#desk.player.shown;
    this.dismissCandidates();
    await this.#desk.attempt(async () => {
      const object = await this.#target();
      const before = object === null ? null : this.maskOf(object, frame);
      const mask = edited(before, this.#desk.media, gesture);
      if (mask === null) return;
      const key = `${object}:${frame}`;
      this.#drafts.set(key, mask);
      this.#desk.redraw();
      try {
        const sent = this.#desk.send("mask", { frame, object, counts: encodeCounts(mask.runs) });
        const { answer } = await (object === null ? this.#objects.expect(sent) : sent);
        this.#sayResult(answer.object, frame);
      } finally {
        // A later stroke has a draft of its own.
        if (this.#drafts.get(key) === mask) this.#drafts.delete(key);
        this.#desk.redraw();
      }
    });
  }

  async #loadCandidates(object: number, frame: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, MASK_FIRST_MS));
    const { masks } = await this.#desk.send("candidates", { object, frame });
    // Another prompt or another frame meanwhile: they are no longer the choice.
    if (this.#desk.player.shown !== frame || this.#pending.length > 1 || masks.length < 2) return;
    this.#desk.state.patch({ candidates: { object, frame, masks, chosen: 0, tried: null } });
  }

  /** The object that a prompt is for: one on its way, the selected one, or (null) a new one. */
  async #target(): Promise<number | null> {
    const coming = await this.#objects.coming;
    if (coming !== null) return coming;
    const object = this.#desk.object(this.#desk.state.get().selected);
    if (object?.locked) throw new CommandRefused(`${object.name} is locked; unlock it to change it`);
    if (object?.hidden) throw new CommandRefused(`${object.name} is hidden; show it to change it`);
    return object?.id ?? null;
  }

  #isPrompted(object: number, frame: number): boolean {
    const lane = this.#desk.state.get().lanes.get(object);
    return lane !== undefined && (lane.prompted.includes(frame) || lane.edited.includes(frame));
  }

  #setPending(pending: readonly PendingPrompt[]): void {
    this.#pending = pending;
    this.#desk.state.patch({ working: pending.length });
    this.#desk.redraw();
  }

  #sayResult(object: number, frame: number): void {
    const mask = this.#desk.masks.get(object, frame);
    const name = this.#desk.object(object)?.name ?? `Object ${object}`;
    const found = mask?.visible ? `predicted quality ${Math.round(mask.iou * 100)} percent` : "nothing found";
    this.#desk.notices.say(`${name}, frame ${frame}: ${found}`);
  }
}
