/** What a click would give, while the pointer rests or moves: one question at a time, the newest place next. */
import type { MaskMessage } from "./protocol";
import type { Point } from "./view";

export interface Place extends Point {
  readonly frame: number;
}

/** At most 40 questions a second, so that 30 are left where timers are late. */
const INTERVAL_MS = 25;
/** A pointer that has just come may press at once: what it points at is then no longer a question. */
const FIRST_AFTER_MS = 20;
/** A click so many pixels of the frame beside the previewed place means the same. */
const SAME_PLACE = 3;

export class HoverPreview {
  readonly #ask: (place: Place) => Promise<MaskMessage | null>;
  readonly #changed: () => void;
  #place: Place | null = null;
  #answered: Place | null = null;
  #mask: MaskMessage | null = null;
  #asking = false;

  /**
   * @param ask the mask of a click at a place; null or a rejection where there is none to show
   * @param changed another mask is to be drawn
   */
  constructor(ask: (place: Place) => Promise<MaskMessage | null>, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The mask to draw in this frame. */
  at(frame: number): MaskMessage | null {
    return this.#place?.frame === frame && this.#mask?.frame === frame ? this.#mask : null;
  }

  /** The pointer is here; null: it is gone, or a preview would be wrong here. */
  move(place: Place | null): void {
    this.#place = place;
    if (place === null) {
      if (this.#mask !== null) {
        this.#mask = null;
        this.#changed();
      }
      return;
    }
    if (!this.#asking) void this.#run();
  }

  /** A click: where it is what the preview shows, that stays until the click's own mask is here. */
  hold(click: Place): void {
    const shown = this.#mask === null ? null : this.#answered;
    const isNear = shown?.frame === click.frame && Math.hypot(shown.x - click.x, shown.y - click.y) <= SAME_PLACE;
    this.move(isNear ? shown : null);
  }

  async #run(): Promise<void> {
    this.#asking = true;
    await new Promise((resolve) => setTimeout(resolve, FIRST_AFTER_MS));
    while (this.#place !== null && this.#place !== this.#answered) {
      const place = this.#place;
      const rest = new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
      // A preview that fails is no news: the click itself will say what is wrong.
      const mask = await this.#ask(place).catch(() => null);
      this.#answered = place;
      if (this.#place !== null) {
        this.#mask = mask;
        this.#changed();
      }
      await rest;
    }
    this.#asking = false;
  }
}
