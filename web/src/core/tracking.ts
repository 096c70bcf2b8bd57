/** Runs of tracking: begun, followed with the cursor, stopped. */
import type { Desk } from "./desk";
import type { Commands, Direction, ServerMessage } from "./protocol";

/** Of the time, the share in which frames are fetched to be watched is the inverse of this; the rest is the model's. */
const WATCHING_SHARE = 5;

export class Tracking {
  readonly #desk: Desk;
  /** The run that was last heard of. */
  #lastJob: number | null = null;
  /** Where tracking took the cursor last: a user who goes elsewhere is left there. */
  #followed = -1;
  #followedAt = 0;
  /** The frame that was tracked last; it may not have been shown. */
  #latest = -1;
  readonly #now: () => number;

  constructor(desk: Desk, now: () => number = () => performance.now()) {
    this.#desk = desk;
    this.#now = now;
  }

  /** Follow objects (null: all that are not locked) from the cursor, within the range where one is set. */
  begin(direction: Direction, objects: readonly number[] | null): void {
    const { range } = this.#desk.settings.get();
    const start = this.#desk.player.cursor.get();
    let stop: number | null = null;
    if (direction === "forward" && range !== null && range[1] > start) stop = range[1] + 1;
    if (direction === "backward" && range !== null && range[0] < start) stop = range[0] - 1;
    this.#begin({ direction, start, stop, objects });
  }

  /** Follow objects within the range, from their prompts both ways. */
  beginInRange(objects: readonly number[] | null): void {
    const { range } = this.#desk.settings.get();
    if (range !== null) this.#begin({ direction: "both", start: range[0], stop: range[1] + 1, objects });
  }

  readonly stop = (): void => {
    const { job } = this.#desk.state.get();
    if (job !== null) void this.#desk.attempt(() => this.#desk.send("stop", { job: job.job }));
  };

  progressed(message: Extract<ServerMessage, { type: "progress" }>): void {
    this.#lastJob = message.job;
    this.#desk.state.patch({ job: message });
    this.#latest = message.frame;
    const { player } = this.#desk;
    if (player.shown !== this.#followed) return;
    if (this.#now() - this.#followedAt >= WATCHING_SHARE * player.latency) this.#follow();
  }

  finished(message: Extract<ServerMessage, { type: "finished" }>): void {
    this.#lastJob = message.job;
    this.#desk.state.patch({ job: null });
    this.#follow();
    if (message.state === "failed") this.#desk.notices.error(new Error(`tracking failed: ${message.error ?? ""}`));
    else this.#desk.notices.say(message.state === "done" ? "Tracking is done" : "Tracking is stopped");
  }

  /** Show the frame that was tracked last, to a user who has stayed where tracking went. */
  #follow(): void {
    const { player, settings } = this.#desk;
    if (this.#latest < 0 || !settings.get().follow || player.cursor.get() !== this.#followed) return;
    this.#followed = this.#latest;
    this.#followedAt = this.#now();
    player.seek(this.#latest);
  }

  #begin(order: Commands["track"]): void {
    this.#desk.state.patch({ candidates: null });
    this.#desk.player.pause();
    this.#followed = this.#desk.player.cursor.get();
    this.#followedAt = 0;
    this.#latest = -1;
    void this.#desk.attempt(async () => {
      const { answer } = await this.#desk.send("track", order);
      // The run may already have told of itself, or be over.
      if (answer.job !== this.#lastJob) this.#desk.state.patch({ job: { job: answer.job } });
    });
  }
}
