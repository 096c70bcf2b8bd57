import { createContext, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { Editor } from "../core/editor";
import type { Notices } from "../core/notices";
import type { Stage } from "../core/stage";
import type { Store } from "../core/state";

/** A store's value, and a new render when it changes. */
export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** A part of a store's value; `pick` has to give the same object for the same state. */
export function useSelect<T, R>(store: Store<T>, pick: (value: T) => R): R {
  return useSyncExternalStore(store.subscribe, () => pick(store.get()));
}

/** Run `effect` now and at each change, without a render: for what changes with every frame. */
export function useWatch<T>(store: Store<T>, effect: (value: T) => void): void {
  const latest = useRef(effect);
  latest.current = effect;
  useEffect(() => {
    const run = () => latest.current(store.get());
    run();
    return store.subscribe(run);
  }, [store]);
}

/** The width of an element in CSS pixels; 0 until it is known. */
export function useWidth(element: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

export interface Workbench {
  readonly editor: Editor;
  /** Null until the stage's canvas is there. */
  readonly stage: Stage | null;
}

export const WorkbenchContext = createContext<Workbench | null>(null);

export function useWorkbench(): Workbench {
  const workbench = useContext(WorkbenchContext);
  if (workbench === null) throw new Error("used outside an editor page");
  return workbench;
}

export const NoticesContext = createContext<Notices | null>(null);

export function useNotices(): Notices {
  const notices = useContext(NoticesContext);
  if (notices === null) throw new Error("used outside the page");
  return notices;
}
