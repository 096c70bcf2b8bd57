import { IconButton, Segments } from "./controls";
import { useSelect, useStore, useWorkbench } from "./hooks";

const SIGNS = [
  { value: 1, label: "Include", icon: "add" },
  { value: 0, label: "Exclude", icon: "minus" },
] as const;

const LARGEST_RADIUS = 200;

/** What the chosen tool can be set to, on top of the stage. */
export function ToolOptions() {
  const { editor } = useWorkbench();
  const { tool, value, radius } = useStore(editor.settings);
  const hasObject = useSelect(editor.state, (state) => state.selected !== null);
  const signed = tool === "click" || tool === "lasso";
  const sized = tool === "brush" || tool === "eraser";
  return (
    <div className="options">
      {signed && (
        <Segments
          label="What the tool does"
          value={value}
          options={SIGNS}
          onChange={(next) => editor.settings.patch({ value: next })}
        />
      )}
      {sized && (
        <label className="slider" title="[ and ] change the size">
          <span>Size</span>
          <input
            type="range"
            min={1}
            max={LARGEST_RADIUS}
            value={radius}
            onChange={(event) => editor.settings.patch({ radius: Number(event.target.value) })}
          />
          <output>{2 * radius} px</output>
        </label>
      )}
      {hasObject && (
        <IconButton
          icon="trash"
          label="Clear the object in this frame"
          keys="Delete"
          text="Clear frame"
          onClick={editor.prompting.clearFrame}
        />
      )}
    </div>
  );
}
