import { useRef } from "react";
import type { Stage } from "../core/stage";
import { IconButton, Menu } from "./controls";
import { useStore, useWatch, useWorkbench } from "./hooks";

/** Zoom, and how masks are shown. */
export function ViewControls() {
  const { editor, stage } = useWorkbench();
  const { masks, outlines, opacity, preview } = useStore(editor.settings);
  return (
    <div className="view-controls">
      <label className="slider wide-only" title="Opacity of the masks">
        <span className="unseen">Opacity of the masks</span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.05}
          value={opacity}
          onChange={(event) => editor.settings.patch({ opacity: Number(event.target.value) })}
        />
      </label>
      <IconButton
        icon={masks ? "eye" : "eyeOff"}
        label="Masks"
        keys="m"
        pressed={masks}
        onClick={() => editor.settings.patch({ masks: !masks })}
      />
      <Menu
        label="How masks are shown"
        items={[
          { label: "Outlines", checked: outlines, run: () => editor.settings.patch({ outlines: !outlines }) },
          {
            label: "Preview under the pointer",
            checked: preview,
            run: () => editor.settings.patch({ preview: !preview }),
          },
        ]}
      />
      <span className="rule" />
      <IconButton icon="minus" label="Zoom out" keys="-" onClick={() => stage?.zoomBy(0.8)} />
      {stage !== null && <ZoomButton stage={stage} />}
      <IconButton icon="add" label="Zoom in" keys="+" onClick={() => stage?.zoomBy(1.25)} />
      <IconButton icon="fit" label="Whole picture" keys="0" onClick={() => stage?.fit()} />
    </div>
  );
}

function ZoomButton({ stage }: { readonly stage: Stage }) {
  const text = useRef<HTMLSpanElement>(null);
  useWatch(stage.view, ({ scale }) => {
    if (text.current !== null) text.current.textContent = `${Math.round(scale * 100)} %`;
  });
  return (
    <button type="button" className="button zoom" title="Pixel for pixel (Shift+F)" onClick={stage.fullSize}>
      <span className="unseen">Zoom, pixel for pixel: </span>
      <span ref={text} />
    </button>
  );
}
