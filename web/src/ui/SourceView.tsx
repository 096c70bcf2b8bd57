import { useEffect, useState } from "react";
import { dispatchKey } from "../core/keys";
import type { LiveSource } from "../core/live-source";
import type { Stage } from "../core/stage";
import { IconButton, Segments } from "./controls";
import { formatTime } from "./format";
import { useSelect, useStore } from "./hooks";
import { sourceBindings } from "./source-bindings";
import { useStage } from "./useStage";

const TOOLS = [
  { value: "click", label: "Click", icon: "click" },
  { value: "box", label: "Box", icon: "box" },
  { value: "hand", label: "Move", icon: "hand" },
] as const;
const SIGNS = [
  { value: 1, label: "Include", icon: "add" },
  { value: 0, label: "Exclude", icon: "minus" },
] as const;

/** A live source: its picture with masks, the objects, and the recording's end. */
export function SourceView({ source }: { readonly source: LiveSource }) {
  const [stage, setStage] = useState<Stage | null>(null);
  const { root, canvas, overlay } = useStage(source, setStage);
  const { tool, value } = useStore(source.settings);
  const phase = useSelect(source.state, (state) => state.phase);
  const working = useSelect(source.state, (state) => state.working > 0);

  useEffect(() => {
    const bindings = sourceBindings(source, stage);
    const onKey = (event: KeyboardEvent) => dispatchKey(bindings, event);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [source, stage]);

  return (
    <div className="source">
      <SourceBar source={source} />
      <main className="stage" ref={root} data-layer={stage?.kind} aria-label="Picture">
        <canvas ref={canvas} className="stage-canvas" />
        <canvas
          ref={overlay}
          className={`stage-canvas tool-${tool} ${value === 1 ? "" : "excluding"}`}
          tabIndex={0}
          role="img"
          aria-label="Live picture with its masks. Press X to point with the keyboard: arrows move, Enter clicks."
        />
        <div className="options">
          <Segments
            label="Tool"
            value={tool}
            options={TOOLS}
            onChange={(next) => source.settings.patch({ tool: next })}
          />
          {tool === "click" && (
            <Segments
              label="What the tool does"
              value={value}
              options={SIGNS}
              onChange={(next) => source.settings.patch({ value: next })}
            />
          )}
        </div>
        {phase === "paused" && <p className="stage-hint">Paused: clicks are for this picture</p>}
        <div className={`stage-busy ${working || phase === "starting" ? "on" : ""}`} aria-hidden="true" />
      </main>
      <SourceObjects source={source} />
    </div>
  );
}

function SourceBar({ source }: { readonly source: LiveSource }) {
  const { phase, seconds, rate } = useStore(source.state);
  const busy = phase === "starting" || phase === "ending";
  const words = { starting: "Starting", running: "Recording", paused: "Paused", ending: "Saving", ended: "Saved" }[
    phase
  ];
  return (
    <header className="top">
      <IconButton
        icon="trash"
        label="Discard the recording"
        disabled={phase === "ending"}
        onClick={() => source.finish(false)}
      />
      <h1 className="unseen">Live source</h1>
      <span className={`connection ${phase === "running" ? "recording" : "waiting"}`} role="status">
        <span className="dot" aria-hidden="true" />
        <span>{words}</span>
      </span>
      <span className="source-facts" aria-hidden="true">
        {formatTime(seconds)}
        <span className="wide-only">{rate > 0 ? ` · ${rate.toFixed(1)} frames/s` : ""}</span>
      </span>
      <span className="spacer" />
      {phase === "paused" ? (
        <IconButton icon="play" label="Go on" keys="Space" text="Go on" onClick={() => source.resume()} />
      ) : (
        <IconButton
          icon="pause"
          label="Pause"
          keys="Space"
          text="Pause"
          disabled={busy}
          onClick={() => source.pause()}
        />
      )}
      <IconButton
        icon="stop"
        label="Finish and edit"
        text="Finish"
        className="primary"
        disabled={busy}
        onClick={() => source.finish(true)}
      />
    </header>
  );
}

function SourceObjects({ source }: { readonly source: LiveSource }) {
  const { objects, selected } = useStore(source.state);
  return (
    <section className="source-objects" aria-label="Objects">
      {objects.length === 0 && <p className="dim">The first click on the picture makes an object.</p>}
      {objects.map(({ id, name, colour }) => (
        <span key={id} className={`source-object ${id === selected ? "selected" : ""}`}>
          <button type="button" aria-pressed={id === selected} onClick={() => source.select(id)}>
            <span className="lane-dot" style={{ backgroundColor: colour }} />
            {name}
          </button>
          <IconButton icon="close" label={`Delete ${name}`} onClick={() => void source.deleteObject(id)} />
        </span>
      ))}
      {objects.length > 0 && (
        <IconButton
          icon="add"
          label="The next click makes a new object"
          keys="n"
          text="New"
          pressed={selected === null}
          onClick={() => source.select(null)}
        />
      )}
    </section>
  );
}
