/** The editor's keyboard: one table for what keys do and for what `?` shows. */
import type { Editor } from "../core/editor";
import type { Binding } from "../core/keys";
import type { Stage } from "../core/stage";
import type { Tool } from "../core/tools";

interface Sheets {
  help(): void;
  exportMasks(): void;
  importMasks(): void;
}

/** Screen pixels that an arrow key moves the keyboard's pointer; with Shift for exact work. */
const CROSSHAIR_STEP = 12;
const MANY_FRAMES = 10;
const BRUSH_FACTOR = 1.25;

export function editorBindings(editor: Editor, stage: Stage | null, sheets: Sheets): Binding[] {
  const { player, settings } = editor;
  const isMoving = () => (stage?.crosshair.get() ?? null) !== null;
  const tool = (key: string, name: Tool, label: string): Binding => ({
    keys: [key],
    group: "Tools",
    label,
    run: () => settings.patch({ tool: name }),
  });
  /** Arrows move the keyboard's pointer while it is on, and step through frames while it is off. */
  const arrow = (
    key: string,
    label: string | null,
    dx: number,
    dy: number,
    frames: number,
    group: string,
  ): Binding => ({
    keys: [key],
    group,
    label,
    run: () => {
      if (isMoving()) stage?.moveCrosshair(dx, dy);
      else if (frames !== 0) player.step(frames);
    },
  });
  const selectNth = (n: number) => {
    const object = editor.state.get().objects[n];
    if (object !== undefined) editor.select(object.id);
  };
  const selected = () => editor.object(editor.state.get().selected);
  const resize = (factor: number) => {
    const radius = settings.get().radius * factor;
    settings.patch({ radius: Math.min(500, Math.max(1, factor > 1 ? Math.ceil(radius) : Math.floor(radius))) });
  };
  const s = CROSSHAIR_STEP;

  return [
    { keys: ["Space"], group: "Play", label: "Play or pause", run: () => player.toggle() },
    arrow("ArrowLeft", "Frame before", -s, 0, -1, "Play"),
    arrow("ArrowRight", "Frame after", s, 0, 1, "Play"),
    arrow("Shift+ArrowLeft", `${MANY_FRAMES} frames back`, -1, 0, -MANY_FRAMES, "Play"),
    arrow("Shift+ArrowRight", `${MANY_FRAMES} frames on`, 1, 0, MANY_FRAMES, "Play"),
    { keys: [","], group: "Play", label: "Frame before, always", run: () => player.step(-1) },
    { keys: ["."], group: "Play", label: "Frame after, always", run: () => player.step(1) },
    { keys: ["Home"], group: "Play", label: "First frame", run: () => player.seek(0) },
    { keys: ["End"], group: "Play", label: "Last frame", run: () => player.seek(editor.media.frames - 1) },
    { keys: ["i"], group: "Play", label: "Range begins here", run: () => editor.setRangeEnd("first") },
    { keys: ["o"], group: "Play", label: "Range ends here", run: () => editor.setRangeEnd("last") },
    { keys: ["Shift+i"], group: "Play", label: "No range", run: () => settings.patch({ range: null }) },

    tool("c", "click", "Click"),
    tool("b", "box", "Box"),
    tool("l", "lasso", "Lasso"),
    tool("p", "brush", "Brush"),
    tool("e", "eraser", "Eraser"),
    tool("h", "hand", "Move the picture"),
    {
      keys: ["v"],
      group: "Tools",
      label: "Include or exclude",
      run: () => settings.patch({ value: settings.get().value === 1 ? 0 : 1 }),
    },
    { keys: ["["], group: "Tools", label: "Smaller brush", run: () => resize(1 / BRUSH_FACTOR) },
    { keys: ["]"], group: "Tools", label: "Larger brush", run: () => resize(BRUSH_FACTOR) },
    {
      keys: ["Escape"],
      group: "Tools",
      label: "Give up what is under way",
      run: () => {
        if (stage?.cancel()) return;
        if (editor.state.get().candidates !== null) editor.prompting.dismissCandidates();
        else if (isMoving()) stage?.toggleCrosshair();
      },
    },

    { keys: ["x"], group: "Point with the keyboard", label: "Pointer on or off", run: () => stage?.toggleCrosshair() },
    arrow("ArrowUp", "Move the pointer (with ← ↓ → too)", 0, -s, 0, "Point with the keyboard"),
    arrow("ArrowDown", null, 0, s, 0, "Point with the keyboard"),
    arrow("Shift+ArrowUp", "In small steps (with ← ↓ → too)", 0, -1, 0, "Point with the keyboard"),
    arrow("Shift+ArrowDown", null, 0, 1, 0, "Point with the keyboard"),
    {
      keys: ["Enter"],
      group: "Point with the keyboard",
      label: "Click; or lower and lift the pen",
      run: () => stage?.pressCrosshair(false),
    },
    {
      keys: ["Shift+Enter"],
      group: "Point with the keyboard",
      label: "The same, to exclude",
      run: () => stage?.pressCrosshair(true),
    },

    { keys: ["n"], group: "Objects", label: "New object", run: editor.objects.add },
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({
      keys: [String(n)],
      group: "Objects",
      label: n === 1 ? "Choose object 1 to 9" : null,
      run: () => selectNth(n - 1),
    })),
    {
      keys: ["d"],
      group: "Objects",
      label: "Hide or show the object",
      run: () => {
        const object = selected();
        if (object !== undefined) editor.objects.change(object.id, { hidden: !object.hidden });
      },
    },
    {
      keys: ["Delete", "Backspace"],
      group: "Objects",
      label: "Clear the object in this frame",
      run: editor.prompting.clearFrame,
    },
    {
      keys: ["Shift+Delete", "Shift+Backspace"],
      group: "Objects",
      label: "Clear the object in the range",
      run: () => {
        const object = selected();
        if (object !== undefined) editor.objects.clearRange(object.id);
      },
    },
    {
      keys: ["Alt+Delete", "Alt+Backspace"],
      group: "Objects",
      label: "Clear all objects in the range",
      run: () => editor.objects.clearRange(null),
    },
    { keys: ["k"], group: "Objects", label: "Next candidate", run: () => nextCandidate(editor) },

    { keys: ["t"], group: "Track", label: "Track forward", run: () => editor.tracking.begin("forward", null) },
    { keys: ["Shift+t"], group: "Track", label: "Track backward", run: () => editor.tracking.begin("backward", null) },
    { keys: ["Mod+Shift+x"], group: "Track", label: "Stop tracking", run: editor.tracking.stop },
    { keys: ["g"], group: "Track", label: "Next frame to check", run: editor.checkNext },

    { keys: ["Mod+z"], group: "Page", label: "Undo", run: editor.undo },
    { keys: ["Mod+Shift+z", "Mod+y"], group: "Page", label: "Redo", run: editor.redo },
    { keys: ["+", "="], group: "Page", label: "Zoom in", run: () => stage?.zoomBy(1.25) },
    { keys: ["-"], group: "Page", label: "Zoom out", run: () => stage?.zoomBy(0.8) },
    { keys: ["0"], group: "Page", label: "Whole picture", run: () => stage?.fit() },
    { keys: ["Shift+f"], group: "Page", label: "Pixel for pixel", run: () => stage?.fullSize() },
    {
      keys: ["m"],
      group: "Page",
      label: "Masks on or off",
      run: () => settings.patch({ masks: !settings.get().masks }),
    },
    {
      keys: ["f"],
      group: "Page",
      label: "Effects on or off",
      run: () => settings.patch({ effects: !settings.get().effects }),
    },
    { keys: ["Mod+e"], group: "Page", label: "Export", run: sheets.exportMasks },
    { keys: ["Mod+i"], group: "Page", label: "Import masks", run: () => sheets.importMasks() },
    { keys: ["?"], group: "Page", label: "This table", run: sheets.help },
  ];
}

function nextCandidate(editor: Editor): void {
  const { candidates } = editor.state.get();
  if (candidates !== null) editor.prompting.chooseCandidate((candidates.chosen + 1) % candidates.masks.length);
}
