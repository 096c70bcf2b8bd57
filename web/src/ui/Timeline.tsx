import { memo, useRef } from "react";
import { stripUrl } from "../core/api";
import type { Lane, ObjectInfo } from "../core/protocol";
import { formatTime } from "./format";
import { useSelect, useWatch, useWidth, useWorkbench } from "./hooks";
import { Picture } from "./Picture";
import { laneWords, rulerTicks } from "./timeline-marks";

const STRIP_HEIGHT = 40;
const MOST_THUMBNAILS = 40;
const NO_LANE: Lane = { prompted: [], edited: [], runs: [] };

/** Ruler, film strip and a lane for each object, all on one scale; a press or drag goes to that frame. */
export function Timeline() {
  const { editor } = useWorkbench();
  const { player, media } = editor;
  const objects = useSelect(editor.state, (state) => state.objects);
  const lanes = useSelect(editor.state, (state) => state.lanes);
  const selected = useSelect(editor.state, (state) => state.selected);
  const range = useSelect(editor.settings, (settings) => settings.range);
  const track = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const ruler = useRef<HTMLDivElement>(null);
  const width = useWidth(track);

  useWatch(player.cursor, (frame) => {
    if (head.current !== null) head.current.style.left = `${((frame + 0.5) / media.frames) * 100}%`;
    ruler.current?.setAttribute("aria-valuenow", String(frame));
    ruler.current?.setAttribute("aria-valuetext", `Frame ${frame}, ${formatTime(frame / media.fps)}`);
  });

  const seek = (event: React.PointerEvent) => {
    const box = track.current?.getBoundingClientRect();
    if (box !== undefined) player.seek(Math.floor(((event.clientX - box.left) / box.width) * media.frames));
  };
  const scrub = {
    onPointerDown: (event: React.PointerEvent<HTMLElement>) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      player.pause();
      seek(event);
    },
    onPointerMove: (event: React.PointerEvent<HTMLElement>) => {
      if (event.currentTarget.hasPointerCapture(event.pointerId)) seek(event);
    },
  };
  const thumbnail = (STRIP_HEIGHT * media.width) / media.height;
  const count = Math.min(MOST_THUMBNAILS, media.frames, Math.max(1, Math.round(width / thumbnail)));

  return (
    <section className="timeline" aria-label="Timeline">
      <div className="lane-heads">
        <div className="head-space" />
        {objects.map((object) => (
          <button
            key={object.id}
            type="button"
            className={`lane-head ${object.id === selected ? "selected" : ""}`}
            aria-pressed={object.id === selected}
            onClick={() => editor.select(object.id)}
          >
            <span className="lane-dot" style={{ backgroundColor: object.colour }} />
            <span className="lane-name">{object.name}</span>
          </button>
        ))}
      </div>
      <div className="tracks" ref={track} {...scrub}>
        <div
          ref={ruler}
          className="ruler"
          role="slider"
          tabIndex={0}
          aria-label="Frame"
          aria-valuemin={0}
          aria-valuemax={media.frames - 1}
          aria-valuenow={0}
        >
          {rulerTicks(media.frames, width).map((frame) => (
            <span key={frame} className="tick" style={{ left: `${((frame + 0.5) / media.frames) * 100}%` }}>
              {frame}
            </span>
          ))}
        </div>
        <div className="strip">{width > 0 && <Picture src={stripUrl(media.id, count, 2 * STRIP_HEIGHT)} />}</div>
        {objects.map((object) => (
          <LaneRow
            key={object.id}
            object={object}
            lane={lanes.get(object.id) ?? NO_LANE}
            frames={media.frames}
            selected={object.id === selected}
          />
        ))}
        {range !== null && (
          <div
            className="range-band"
            style={{
              left: `${(range[0] / media.frames) * 100}%`,
              width: `${((range[1] + 1 - range[0]) / media.frames) * 100}%`,
            }}
          />
        )}
        <div ref={head} className="playhead" aria-hidden="true" />
      </div>
    </section>
  );
}

interface LaneRowProps {
  readonly object: ObjectInfo;
  readonly lane: Lane;
  readonly frames: number;
  readonly selected: boolean;
}

/** Where an object is present, unsure or absent, prompted or edited. */
const LaneRow = memo(function LaneRow({ object, lane, frames, selected }: LaneRowProps) {
  const middle = (frame: number) => `${((frame + 0.5) / frames) * 100}%`;
  return (
    <div
      className={`lane ${selected ? "selected" : ""} ${object.hidden ? "dimmed" : ""}`}
      role="img"
      aria-label={laneWords(object, lane)}
    >
      {lane.runs.map(([first, last, presence]) => (
        <span
          key={first}
          className={`run ${presence}`}
          style={{
            left: `${(first / frames) * 100}%`,
            width: `${((last + 1 - first) / frames) * 100}%`,
            color: object.colour,
          }}
        />
      ))}
      {lane.edited.map((frame) => (
        <span key={`edited ${frame}`} className="mark edited" style={{ left: middle(frame) }} />
      ))}
      {lane.prompted.map((frame) => (
        <span key={`prompted ${frame}`} className="mark prompted" style={{ left: middle(frame) }} />
      ))}
    </div>
  );
});
