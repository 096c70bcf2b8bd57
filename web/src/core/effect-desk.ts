/** The effects of one media: the list, its changes as edits, and what the server has of it. */
import { frameWithEffects, getEffects } from "./api";
import type { Desk } from "./desk";
import { type Effect, effectLooks, type Kind, MOST_EFFECTS, madeEffect, presentEffects, readEffects } from "./effects";
import type { EffectLook } from "./painter";
import type { Mask } from "./rle";
import { CommandRefused, ConnectionLost } from "./socket";
import { Store } from "./state";

const SAVE_AFTER_MS = 300;

/** A field that is being changed: what comes of it is one step to undo. */
interface Gesture {
  readonly field: string;
  readonly id: string;
}

export class EffectDesk {
  readonly list = new Store<readonly Effect[]>([]);
  readonly #desk: Desk;
  readonly #maskAt: (object: number, frame: number) => Mask | null;
  #gesture: Gesture | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Saves without an answer. */
  #saving = 0;
  /** A save was lost with its connection. */
  #lost = false;
  /** The server's number of what the list is, and of what the server has. */
  #known = 0;
  #told = 0;

  /** @param maskAt the masks as the user sees them */
  constructor(desk: Desk, maskAt: (object: number, frame: number) => Mask | null) {
    this.#desk = desk;
    this.#maskAt = maskAt;
  }

  /** The server says which effects it has; what it does not have yet comes first. */
  tell(number: number): void {
    this.#told = number;
    if (this.#lost) this.#save();
    else if (number !== this.#known && !this.#isAhead) void this.#load();
  }

  /** What is set from now on is another step; what was not saved yet is now. */
  settle(): void {
    if (this.#timer !== undefined) this.#save();
    this.#gesture = null;
  }

  /** Whether the stage shows effects in place of masks. */
  get shown(): boolean {
    return this.#desk.settings.get().effects && this.present().length > 0;
  }

  /** The effects whose object is still there. */
  present(): Effect[] {
    return presentEffects(this.list.get(), this.#desk.state.get().objects);
  }

  looksAt(frame: number): EffectLook[] {
    if (!this.shown) return [];
    return effectLooks(this.list.get(), this.#desk.state.get().objects, frame, this.#maskAt);
  }

  /** Add an effect at the end; background or the chosen object (all of them where none is chosen), whichever suits it. */
  add(kind: Kind): void {
    if (this.list.get().length >= MOST_EFFECTS) {
      this.#desk.notices.error(new Error(`there may be ${MOST_EFFECTS} effects`));
      return;
    }
    const forBackground = kind === "blur" || kind === "desaturate" || kind === "replace";
    const target = forBackground ? "background" : (this.#desk.state.get().selected ?? "objects");
    this.#step([...this.list.get(), madeEffect(kind, target)]);
    this.#desk.settings.patch({ effects: true });
  }

  /** Give an effect other values. */
  set(index: number, values: Readonly<Record<string, unknown>>): void {
    this.#step(this.#withValues(index, values));
  }

  /** Give an effect a value that goes on changing, as a slider does: one step until it is settled. */
  drag(index: number, name: string, value: unknown): void {
    const field = `${index} ${name}`;
    if (this.#gesture?.field !== field) {
      this.settle();
      this.#gesture = { field, id: Math.random().toString(36).slice(2) };
    }
    this.#show(this.#withValues(index, { [name]: value }));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), SAVE_AFTER_MS);
  }

  /** Draw an effect earlier (-1) or later (1). */
  move(index: number, by: -1 | 1): void {
    const list = [...this.list.get()];
    const [effect] = list.splice(index, 1);
    if (effect === undefined) return;
    list.splice(Math.max(0, index + by), 0, effect);
    this.#step(list);
  }

  remove(index: number): void {
    this.#step(this.list.get().filter((_, i) => i !== index));
  }

  /** The shown frame as PNG: its effects, or the chosen object (all where none is chosen) cut out. */
  picture(what: "effects" | "cut-out"): Promise<Blob> {
    const { media, player, state } = this.#desk;
    const cut = [{ kind: "cut-out", target: state.get().selected ?? "objects" }];
    return frameWithEffects(media.id, player.shown, what === "effects" ? this.present() : cut);
  }

  get #isAhead(): boolean {
    return this.#timer !== undefined || this.#saving > 0;
  }

  #withValues(index: number, values: Readonly<Record<string, unknown>>): Effect[] {
    return this.list.get().map((effect, i) => (i === index ? ({ ...effect, ...values } as Effect) : effect));
  }

  #step(list: readonly Effect[]): void {
    this.settle();
    this.#show(list);
    this.#save();
  }

  #show(list: readonly Effect[]): void {
    this.list.set(list);
    this.#desk.redraw();
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lost = false;
    this.#saving++;
    const order = { effects: this.list.get(), gesture: this.#gesture?.id ?? null };
    void this.#desk.attempt(async () => {
      let refused: CommandRefused | null = null;
      try {
        const { answer } = await this.#desk.send("effects", order);
        this.#known = answer.effects;
      } catch (error) {
        // A lost connection: the next hello is the time to try again.
        if (error instanceof ConnectionLost) this.#lost = true;
        else if (error instanceof CommandRefused) refused = error;
        else throw error;
      } finally {
        this.#saving--;
      }
      // What is refused would be at every later edit: it goes again.
      const stale = refused !== null || this.#told !== this.#known;
      if (!this.#lost && !this.#isAhead && stale) await this.#load();
      if (refused !== null) throw refused;
    });
  }

  async #load(): Promise<void> {
    const { media, notices } = this.#desk;
    const told = this.#told;
    try {
      const { effects, number } = await getEffects(media.id);
      if (this.#isAhead) return;
      this.#known = number;
      this.#show(readEffects(effects));
    } catch (error) {
      notices.error(error);
      return;
    }
    if (this.#told !== told && this.#told !== this.#known) await this.#load();
  }
}
