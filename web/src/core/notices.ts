/** Messages to the user: notices that fade, and words for screen readers. */
import { ApiError } from "./api";
import { Store } from "./state";

export interface Notice {
  readonly id: number;
  readonly tone: "error" | "info";
  readonly text: string;
}

const SHOWN_MS = { error: 9000, info: 4000 };
const MOST_AT_ONCE = 4;

export class Notices {
  readonly list = new Store<readonly Notice[]>([]);
  /** For a polite live region. */
  readonly spoken = new Store("");
  #count = 0;

  add(tone: Notice["tone"], text: string): void {
    // The same words again say nothing new.
    if (this.list.get().some((notice) => notice.text === text)) return;
    const notice = { id: ++this.#count, tone, text };
    this.list.set([...this.list.get(), notice].slice(-MOST_AT_ONCE));
    setTimeout(() => this.dismiss(notice.id), SHOWN_MS[tone]);
  }

  readonly error = (error: unknown): void => {
    // The page asks people to log in instead of telling them to.
    if (error instanceof ApiError && error.status === 401) return;
    const text = error instanceof Error ? error.message : String(error);
    this.add("error", text.charAt(0).toUpperCase() + text.slice(1));
  };

  readonly dismiss = (id: number): void => {
    this.list.set(this.list.get().filter((notice) => notice.id !== id));
  };

  say(text: string): void {
    this.spoken.set(text);
  }
}
