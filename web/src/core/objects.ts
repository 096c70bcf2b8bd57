/** Objects of a media item: made, changed, merged and taken away. */
import type { Desk } from "./desk";
import type { Commands } from "./protocol";

export class Objects {
  readonly #desk: Desk;
  #coming: Promise<number | null> | null = null;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** The number of the object that a command on its way makes; null in it: the server has refused. */
  get coming(): Promise<number | null> | null {
    return this.#coming;
  }

  /** Make an object and select it. */
  readonly add = (): void => {
    void this.#desk.attempt(() => this.expect(this.#desk.send("object-add", {})));
  };

  /** Select the object that a command on its way makes; prompts that follow are for it. */
  expect<Reply extends { readonly answer: { readonly object: number } }>(sent: Promise<Reply>): Promise<Reply> {
    const coming = sent.then(
      ({ answer }) => answer.object,
      () => null,
    );
    this.#coming = coming;
    void coming.then((object) => {
      if (this.#coming === coming) this.#coming = null;
      if (object !== null) this.#desk.select(object);
    });
    return sent;
  }

  change(object: number, change: Omit<Commands["object-change"], "object">): void {
    void this.#desk.attempt(() => this.#desk.send("object-change", { object, ...change }));
  }

  delete(object: number): void {
    void this.#desk.attempt(() => this.#desk.send("object-delete", { object }));
  }

  /** One object becomes part of another, frame by frame. */
  merge(object: number, into: number): void {
    void this.#desk.attempt(async () => {
      await this.#desk.send("object-merge", { objects: [into, object], into });
      this.#desk.select(into);
    });
  }

  /** Take all prompts and masks of an object away. */
  clear(object: number): void {
    this.#desk.state.patch({ candidates: null });
    void this.#desk.attempt(() => this.#desk.send("clear", { object }));
  }

  /** Take prompts and masks off the frames of the range: of one object, or (null) of all that are not locked. */
  clearRange(object: number | null): void {
    const { notices, settings, state } = this.#desk;
    const { range } = settings.get();
    if (range === null) {
      notices.add("info", "There is no range: set one with I and O");
      return;
    }
    const [first, last] = range;
    const whose = object === null ? "all objects" : (this.#desk.object(object)?.name ?? "the object");
    state.patch({ candidates: null });
    void this.#desk.attempt(async () => {
      await this.#desk.send("clear", { start: first, stop: last + 1, ...(object === null ? {} : { object }) });
      notices.say(`Frames ${first} to ${last} of ${whose} are cleared`);
    });
  }
}
