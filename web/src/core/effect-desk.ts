/** The effects of one media: the list, its changes, and how it is kept on the server. */
import { frameWithEffects, getEffects, putEffects } from "./api";
import type { Desk } from "./desk";
import { type Effect, effectLooks, type Kind, MOST_EFFECTS, madeEffect, presentEffects, readEffects } from "./effects";
import type { EffectLook } from "./painter";
import type { Mask } from "./rle";
import { Store } from "./state";

const SAVE_AFTER_MS = 300;

export class EffectDesk {
  readonly list = new Store<readonly Effect[]>([]);
  readonly #desk: Desk;
  readonly #maskAt: (object: number, frame: number) => Mask | null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** @param maskAt the masks as the user sees them */
  constructor(desk: Desk, maskAt: (object: number, frame: number) => Mask | null) {
    this.#desk = desk;
    this.#maskAt = maskAt;
  }

  /** Take what the server keeps, unless the user was faster. */
  async load(): Promise<void> {
    try {
      const { effects } = await getEffects(this.#desk.media.id);
      if (this.list.get().length > 0 || this.#timer !== undefined) return;
      this.list.set(readEffects(effects));
      this.#desk.redraw();
    } catch (error) {
      this.#desk.notices.error(error);
    }
  }

  /** Save at once what has not been. */
  dispose(): void {
    if (this.#timer !== undefined) this.#save();
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
    this.#change([...this.list.get(), madeEffect(kind, target)]);
    this.#desk.settings.patch({ effects: true });
  }

  /** Give an effect other values. */
  set(index: number, values: Readonly<Record<string, unknown>>): void {
    this.#change(this.list.get().map((effect, i) => (i === index ? ({ ...effect, ...values } as Effect) : effect)));
  }

  /** Draw an effect earlier (-1) or later (1). */
  move(index: number, by: -1 | 1): void {
    const list = [...this.list.get()];
    const [effect] = list.splice(index, 1);
    if (effect === undefined) return;
    list.splice(Math.max(0, index + by), 0, effect);
    this.#change(list);
  }

  remove(index: number): void {
    this.#change(this.list.get().filter((_, i) => i !== index));
  }

  /** The shown frame as PNG: its effects, or the chosen object (all where none is chosen) cut out. */
  picture(what: "effects" | "cut-out"): Promise<Blob> {
    const { media, player, state } = this.#desk;
    const cut = [{ kind: "cut-out", target: state.get().selected ?? "objects" }];
    return frameWithEffects(media.id, player.shown, what === "effects" ? this.present() : cut);
  }

  #change(list: readonly Effect[]): void {
    this.list.set(list);
    this.#desk.redraw();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), SAVE_AFTER_MS);
  }

  /** One after the other, so that the last is what stays. */
  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { media, notices } = this.#desk;
    this.#saving = this.#saving.then(() => putEffects(media.id, this.list.get())).then(() => undefined, notices.error);
  }
}
