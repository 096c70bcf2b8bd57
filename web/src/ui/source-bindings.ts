/** The keyboard of a live source. */
import type { Binding } from "../core/keys";
import type { LiveSource } from "../core/live-source";
import type { Stage } from "../core/stage";

const CROSSHAIR_STEP = 12;

export function sourceBindings(source: LiveSource, stage: Stage | null): Binding[] {
  const group = "Live";
  const arrow = (key: string, dx: number, dy: number): Binding[] => [
    { keys: [key], group, label: null, run: () => stage?.moveCrosshair(CROSSHAIR_STEP * dx, CROSSHAIR_STEP * dy) },
    { keys: [`Shift+${key}`], group, label: null, run: () => stage?.moveCrosshair(dx, dy) },
  ];
  const toggle = () => {
    if (source.state.get().phase === "paused") source.resume();
    else source.pause();
  };
  return [
    { keys: ["Space"], group, label: "Pause or go on", run: toggle },
    { keys: ["c"], group, label: "Click", run: () => source.settings.patch({ tool: "click" }) },
    { keys: ["b"], group, label: "Box", run: () => source.settings.patch({ tool: "box" }) },
    { keys: ["h"], group, label: "Move the picture", run: () => source.settings.patch({ tool: "hand" }) },
    { keys: ["n"], group, label: "New object", run: () => source.select(null) },
    { keys: ["x"], group, label: "Point with the keyboard", run: () => stage?.toggleCrosshair() },
    { keys: ["Enter"], group, label: null, run: () => stage?.pressCrosshair(false) },
    { keys: ["Shift+Enter"], group, label: null, run: () => stage?.pressCrosshair(true) },
    { keys: ["0"], group, label: "Whole picture", run: () => stage?.fit() },
    ...arrow("ArrowLeft", -1, 0),
    ...arrow("ArrowRight", 1, 0),
    ...arrow("ArrowUp", 0, -1),
    ...arrow("ArrowDown", 0, 1),
  ];
}
