/** What the parts of an editor share: the state, the pictures, and the way to the server. */
import type { EditorState, Settings } from "./editor-state";
import type { MaskStore } from "./masks";
import type { Notices } from "./notices";
import type { Picture, Player } from "./player";
import type { Commands, MediaItem, ObjectInfo } from "./protocol";
import type { Reply } from "./socket";
import type { Store } from "./state";

export interface Desk {
  readonly media: MediaItem;
  readonly notices: Notices;
  readonly state: Store<EditorState>;
  readonly settings: Store<Settings>;
  readonly masks: MaskStore;
  readonly player: Player<Picture>;
  object(id: number | null): ObjectInfo | undefined;
  select(object: number | null): void;
  redraw(): void;
  send<T extends keyof Commands>(type: T, body: Commands[T]): Promise<Reply<T>>;
  /** Run a command for the user: what goes wrong is told, and gives null. */
  attempt<R>(work: () => Promise<R>): Promise<R | null>;
}
