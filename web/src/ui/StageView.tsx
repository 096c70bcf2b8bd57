import { useRef } from "react";
import type { Stage } from "../core/stage";
import { CandidateBar } from "./CandidateBar";
import { useSelect, useWatch, useWorkbench } from "./hooks";
import { ToolOptions } from "./ToolOptions";
import { useStage } from "./useStage";
import { ViewControls } from "./ViewControls";

/** The picture with its masks; the canvases belong to the core, which draws on them without React. */
export function StageView({ onStage }: { onStage(stage: Stage | null): void }) {
  const { editor, stage } = useWorkbench();
  const { root, canvas, overlay } = useStage(editor, onStage);
  const tool = useSelect(editor.settings, (settings) => settings.tool);
  const value = useSelect(editor.settings, (settings) => settings.value);
  const working = useSelect(editor.state, (state) => state.working > 0);
  const isEmpty = useSelect(editor.state, (state) => state.connection === "open" && state.objects.length === 0);

  return (
    <main className="stage" ref={root} data-layer={stage?.kind} aria-label="Picture">
      <canvas ref={canvas} className="stage-canvas" />
      <canvas
        ref={overlay}
        className={`stage-canvas tool-${tool} ${value === 1 ? "" : "excluding"}`}
        tabIndex={0}
        role="img"
        aria-label="Current frame with its masks. Press X to point with the keyboard, question mark for all keys."
      />
      <ToolOptions />
      <ViewControls />
      {stage !== null && <PointerReadout stage={stage} />}
      {isEmpty && tool === "click" && <p className="stage-hint">Click an object to segment it</p>}
      <div className={`stage-busy ${working ? "on" : ""}`} aria-hidden="true" />
      <CandidateBar />
    </main>
  );
}

/** Where the pointer is; written without a render, for it changes with every move. */
function PointerReadout({ stage }: { readonly stage: Stage }) {
  const text = useRef<HTMLSpanElement>(null);
  useWatch(stage.pointer, (point) => {
    if (text.current === null) return;
    text.current.textContent = point === null ? "" : `${Math.floor(point.x)}, ${Math.floor(point.y)}`;
  });
  return <span ref={text} className="readout" aria-hidden="true" />;
}
