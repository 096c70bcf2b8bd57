import { useEffect, useRef, useState } from "react";
import { beginExport, type ExportFormat, type ExportState, exportFileUrl, getExport } from "../core/api";
import { Dialog } from "./controls";
import { useSelect, useWorkbench } from "./hooks";
import { Icon } from "./Icon";

const FORMATS: readonly { format: ExportFormat; name: string; about: string }[] = [
  { format: "masklet", name: "Masklet", about: "One JSON with everything, to go on with here" },
  { format: "sav", name: "SA-V", about: "JSON as in the SA-V data set" },
  { format: "coco", name: "COCO", about: "Instances with run lengths, a picture a frame" },
  { format: "youtube-vis", name: "YouTube-VIS", about: "Tracks with run lengths" },
  { format: "palette-png", name: "Palette PNG", about: "A picture a frame with object numbers, as in DAVIS" },
  { format: "png", name: "PNG per object", about: "A black and white picture a frame and object" },
  { format: "overlay-video", name: "Overlay video", about: "The clip with coloured masks" },
  { format: "cutout-video", name: "Cut-out video", about: "The objects alone, with transparency" },
  { format: "effects-video", name: "Video with effects", about: "As on the stage; with transparency where cut out" },
  { format: "effects-prores", name: "Effects for editing", about: "ProRes 4444, with transparency; large" },
  { format: "cutout-png", name: "Cut-out PNG", about: "A picture a frame of the objects alone, with transparency" },
];

const POLL_MS = 400;

/** Choose a format, wait for the file, get it. */
export function ExportDialog({ onClose }: { onClose(): void }) {
  const { editor } = useWorkbench();
  const selected = useSelect(editor.state, (state) => state.selected);
  const [format, setFormat] = useState<ExportFormat>("masklet");
  const [onlySelected, setOnlySelected] = useState(false);
  const range = useSelect(editor.settings, (settings) => settings.range);
  const [onlyRange, setOnlyRange] = useState(false);
  const hasEffects = editor.effects.present().length > 0;
  const withEffects = format === "effects-video" || format === "effects-prores";
  const [job, setJob] = useState<{ id: string; state: ExportState | null } | null>(null);
  const [error, setError] = useState<string | null>(null);
  const running = job !== null && (job.state === null || job.state.state === "running");

  const begin = async () => {
    setError(null);
    try {
      const { id } = await beginExport(editor.media.id, {
        format,
        // Effects may be for any object.
        objects: onlySelected && selected !== null && !withEffects ? [selected] : null,
        start: onlyRange && range !== null ? range[0] : null,
        stop: onlyRange && range !== null ? range[1] + 1 : null,
        effects: withEffects ? editor.effects.present() : [],
      });
      setJob({ id, state: null });
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
    }
  };
  const id = job?.id;
  useEffect(() => {
    if (id === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let current = true;
    const poll = async () => {
      try {
        const state = await getExport(id);
        if (!current) return;
        setJob({ id, state });
        if (state.state === "running") timer = setTimeout(poll, POLL_MS);
        if (state.state === "failed") setError(state.error ?? "the export failed");
      } catch (reason) {
        if (!current) return;
        setJob(null);
        setError(reason instanceof Error ? reason.message : String(reason));
      }
    };
    void poll();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [id]);

  const done = job?.state?.state === "done" ? job.state : null;
  return (
    <Dialog title="Export" className="export" onClose={onClose}>
      <fieldset className="formats" disabled={running}>
        <legend className="unseen">Format</legend>
        {FORMATS.map((entry) => (
          <label key={entry.format} className="format">
            <input
              type="radio"
              name="format"
              checked={entry.format === format}
              disabled={entry.format.startsWith("effects") && !hasEffects}
              onChange={() => {
                setFormat(entry.format);
                setJob(null);
              }}
            />
            <span className="format-face">
              <strong>{entry.name}</strong>
              <span>{entry.about}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div className="export-options">
        <label className="check-line">
          <input
            type="checkbox"
            checked={onlySelected}
            disabled={withEffects}
            onChange={(event) => setOnlySelected(event.target.checked)}
          />
          Only the chosen object
        </label>
        {range !== null && (
          <label className="check-line">
            <input type="checkbox" checked={onlyRange} onChange={(event) => setOnlyRange(event.target.checked)} />
            Only frames {range[0]} to {range[1]}
          </label>
        )}
      </div>
      {error !== null && (
        <p className="dialog-error" role="alert">
          {error}
        </p>
      )}
      <footer className="dialog-foot">
        {running && <progress aria-label="Export" value={job.state?.progress ?? 0} max={1} />}
        {done === null ? (
          <button type="button" className="button primary" disabled={running} onClick={() => void begin()}>
            {running ? "Exporting" : "Export"}
          </button>
        ) : (
          <DownloadLink href={exportFileUrl(job?.id ?? "")} name={done.name} />
        )}
      </footer>
    </Dialog>
  );
}

/** The finished file: its download begins by itself, and can be asked for again. */
function DownloadLink({ href, name }: { readonly href: string; readonly name: string }) {
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => link.current?.click(), []);
  return (
    <a ref={link} className="button primary" href={href} download={name}>
      <Icon name="download" />
      {name}
    </a>
  );
}
