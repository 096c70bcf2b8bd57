import { useRef, useState } from "react";
import { IconButton, Menu } from "./controls";
import { formatTime } from "./format";
import { useSelect, useStore, useWatch, useWorkbench } from "./hooks";

/** Playing, the frame, the range, and tracking. */
export function Transport() {
  const { editor } = useWorkbench();
  const playing = useStore(editor.player.playing);
  const { player, media } = editor;
  return (
    <div className="transport">
      <div className="transport-play" role="toolbar" aria-label="Playback">
        <IconButton
          icon="first"
          label="First frame"
          keys="Home"
          className="roomy-only"
          onClick={() => player.seek(0)}
        />
        <IconButton icon="stepBack" label="Frame before" keys="ArrowLeft" onClick={() => player.step(-1)} />
        <IconButton
          icon={playing ? "pause" : "play"}
          label={playing ? "Pause" : "Play"}
          keys="Space"
          className="play"
          onClick={() => player.toggle()}
        />
        <IconButton icon="stepForward" label="Frame after" keys="ArrowRight" onClick={() => player.step(1)} />
        <IconButton
          icon="last"
          label="Last frame"
          keys="End"
          className="roomy-only"
          onClick={() => player.seek(media.frames - 1)}
        />
        <FrameField />
      </div>
      <RangeControls />
      <span className="spacer" />
      <CheckButton />
      <TrackControls />
    </div>
  );
}

/** The frame's number, to read and to type, written without a render. */
function FrameField() {
  const { editor } = useWorkbench();
  const { player, media } = editor;
  const input = useRef<HTMLInputElement>(null);
  const time = useRef<HTMLSpanElement>(null);
  useWatch(player.cursor, (frame) => {
    if (input.current !== null) input.current.value = String(frame);
    if (time.current !== null) time.current.textContent = formatTime(frame / media.fps);
  });
  const go = () => {
    const frame = Number(input.current?.value);
    if (Number.isFinite(frame)) player.seek(frame);
    // Also where the number was out of range and the cursor stays.
    if (input.current !== null) input.current.value = String(player.cursor.get());
  };
  return (
    <form
      className="frame-field"
      onSubmit={(event) => {
        event.preventDefault();
        go();
        input.current?.blur();
      }}
    >
      <input
        ref={input}
        inputMode="numeric"
        aria-label="Frame"
        defaultValue="0"
        style={{ width: `${Math.max(3, String(media.frames).length) + 1}ch` }}
        onFocus={() => input.current?.select()}
        onBlur={go}
      />
      <span className="frame-total">/ {media.frames - 1}</span>
      <span ref={time} className="time" />
    </form>
  );
}

function RangeControls() {
  const { editor } = useWorkbench();
  const range = useSelect(editor.settings, (settings) => settings.range);
  const objects = useSelect(editor.state, (state) => state.objects);
  const selected = useSelect(editor.state, (state) => state.selected);
  const chosen = objects.find((object) => object.id === selected);
  return (
    <div className="range-controls" role="toolbar" aria-label="Range">
      <IconButton icon="rangeIn" label="Range begins here" keys="i" onClick={() => editor.setRangeEnd("first")} />
      <IconButton icon="rangeOut" label="Range ends here" keys="o" onClick={() => editor.setRangeEnd("last")} />
      {range !== null && (
        <span className="chip">
          {range[0]}–{range[1]}
          <Menu
            label="Clear the range"
            icon="eraser"
            items={[
              {
                label: `Clear ${chosen?.name ?? "the object"}`,
                disabled: chosen === undefined || chosen.locked,
                run: () => chosen !== undefined && editor.objects.clearRange(chosen.id),
              },
              {
                label: "Clear all objects",
                disabled: objects.every((object) => object.locked),
                run: () => editor.objects.clearRange(null),
              },
            ]}
          />
          <IconButton icon="close" label="No range" onClick={() => editor.settings.patch({ range: null })} />
        </span>
      )}
    </div>
  );
}

function CheckButton() {
  const { editor } = useWorkbench();
  const doubts = useSelect(editor.state, (state) => {
    let count = 0;
    for (const lane of state.lanes.values()) count += lane.runs.filter((run) => run[2] === "unsure").length;
    return count;
  });
  return (
    <button
      type="button"
      className="button check"
      disabled={doubts === 0}
      title="Next frame to check (G)"
      onClick={editor.checkNext}
    >
      <span className="doubt-mark" aria-hidden="true" />
      <span className="button-text">
        <span className="roomy-only">Check next </span>
        <span className="check-word">Check</span>
      </span>
      {doubts > 0 && <span className="count">{doubts}</span>}
    </button>
  );
}

function TrackControls() {
  const { editor } = useWorkbench();
  const job = useSelect(editor.state, (state) => state.job);
  const count = useSelect(editor.state, (state) => state.objects.length);
  const open = useSelect(editor.state, (state) => state.connection === "open");
  const selected = useSelect(editor.state, (state) => state.selected);
  const { range, follow } = useStore(editor.settings);
  const [only, setOnly] = useState(false);
  if (job !== null) {
    const { done = 0, total = 0, rate = 0 } = job;
    return (
      <div className="track-progress">
        <span className="track-text">
          <span className="unseen">Tracking, </span>
          {done} / {total}
          <span className="track-rate">{rate > 0 ? `${rate.toFixed(1)} frames/s` : ""}</span>
        </span>
        {total > 0 ? <progress aria-label="Tracking" value={done} max={total} /> : <progress aria-label="Tracking" />}
        <IconButton icon="stop" label="Stop tracking" text="Stop" onClick={editor.tracking.stop} />
      </div>
    );
  }
  const disabled = count === 0 || !open;
  const objects = only && selected !== null ? [selected] : null;
  return (
    <div className="track" role="toolbar" aria-label="Tracking">
      <IconButton
        icon="backward"
        label="Track backward"
        keys="Shift+t"
        disabled={disabled}
        onClick={() => editor.tracking.begin("backward", objects)}
      />
      <IconButton
        icon="both"
        label="Track both ways"
        disabled={disabled}
        onClick={() => editor.tracking.begin("both", objects)}
      />
      <IconButton
        icon="forward"
        label="Track forward"
        keys="t"
        text="Track"
        className="primary"
        disabled={disabled}
        onClick={() => editor.tracking.begin("forward", objects)}
      />
      <Menu
        label="More about tracking"
        items={[
          {
            label: "Show frames as they are done",
            checked: follow,
            run: () => editor.settings.patch({ follow: !follow }),
          },
          { label: "Only the chosen object", checked: only, run: () => setOnly(!only) },
          {
            label: "Track the range",
            icon: "forward",
            disabled: disabled || range === null,
            run: () => editor.tracking.beginInRange(objects),
          },
        ]}
      />
    </div>
  );
}
