/** What an editor knows and what its user has set, as plain values. */
import type { Job, Lane, MaskMessage, ObjectInfo, Span } from "./protocol";
import type { Connection } from "./socket";
import type { Tool } from "./tools";
import type { Size } from "./view";

/** The masks that a single click may mean, best first. */
export interface Candidates {
  readonly object: number;
  readonly frame: number;
  readonly masks: readonly MaskMessage[];
  readonly chosen: number;
  /** Shown in place of the chosen one, while the pointer or the focus is on it. */
  readonly tried: number | null;
}

export interface EditorState {
  readonly connection: Connection;
  readonly objects: readonly ObjectInfo[];
  readonly lanes: ReadonlyMap<number, Lane>;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly job: Job | null;
  readonly selected: number | null;
  readonly candidates: Candidates | null;
  /** Prompts whose masks are not here yet. */
  readonly working: number;
}

export interface Settings {
  readonly tool: Tool;
  /** Clicks and lasso: 1 adds to the object, 0 takes away. */
  readonly value: 0 | 1;
  /** Of brush and eraser, in pixels of the frame. */
  readonly radius: number;
  /** Of the masks' area, 0..1. */
  readonly opacity: number;
  readonly outlines: boolean;
  readonly masks: boolean;
  /** Effects are shown, and masks are not, where there are any. */
  readonly effects: boolean;
  readonly preview: boolean;
  /** While objects are tracked, the stage shows the frame that was done last. */
  readonly follow: boolean;
  /** Frames that tracking keeps to; both ends included. */
  readonly range: Span | null;
}

/** Before the server has said anything. */
export function emptyState(): EditorState {
  return {
    connection: "connecting",
    objects: [],
    lanes: new Map(),
    canUndo: false,
    canRedo: false,
    job: null,
    selected: null,
    candidates: null,
    working: 0,
  };
}

/** With a brush that suits the picture. */
export function firstSettings(media: Size): Settings {
  return {
    tool: "click",
    value: 1,
    radius: Math.max(4, Math.round(Math.min(media.width, media.height) / 40)),
    opacity: 0.45,
    outlines: true,
    masks: true,
    effects: true,
    preview: true,
    follow: true,
    range: null,
  };
}
