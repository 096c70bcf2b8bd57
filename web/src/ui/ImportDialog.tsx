import { useRef, useState } from "react";
import { importMasks } from "../core/api";
import { archiveSource, fileSource, Upload, uploadTo } from "../core/upload";
import { Dialog } from "./controls";
import { formatBytes } from "./format";
import { useNotices, useWorkbench } from "./hooks";
import { Icon } from "./Icon";

interface ImportDialogProps {
  /** Files that were dropped. */
  readonly files: readonly File[];
  onClose(): void;
}

const SUGGESTED_EVERY = 10;

/** Masks from files become objects: which files, and on which frames they are prompts. */
export function ImportDialog({ files: dropped, onClose }: ImportDialogProps) {
  const { editor } = useWorkbench();
  const notices = useNotices();
  const [files, setFiles] = useState(dropped);
  const [all, setAll] = useState(true);
  const [every, setEvery] = useState(SUGGESTED_EVERY);
  const [progress, setProgress] = useState<number | null>(null);
  const [error, setError] = useState<string | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  const { media } = editor;

  const run = async () => {
    const [first] = files;
    if (first === undefined) return;
    setError(null);
    setProgress(0);
    const order = { every: all ? 1 : every, frame: editor.player.cursor.get() };
    const source =
      files.length === 1
        ? fileSource(first)
        : archiveSource(
            "masks.zip",
            files.map((file) => ({ path: file.name, file })),
          );
    const upload = new Upload(
      source,
      uploadTo((id) => importMasks(media.id, { upload: id, ...order })),
    );
    const stop = upload.progress.subscribe(() => {
      const { sent, size } = upload.progress.get();
      setProgress(size > 0 ? sent / size : 0);
    });
    const made = await upload.run();
    stop();
    setProgress(null);
    if (made === null) {
      setError(upload.progress.get().error ?? "the import was cancelled");
      return;
    }
    const count = made.objects.length;
    notices.add("info", `${count === 1 ? "An object" : `${count} objects`} with ${made.masks} masks imported`);
    onClose();
  };
  const running = progress !== null;

  return (
    <Dialog title="Import masks" className="narrow import" onClose={onClose}>
      <div className="import-body">
        <p className="dim">
          What was exported comes back: masklet, SA-V, COCO and YouTube-VIS JSON, palette PNG, PNG per object (as ZIP).
          A single PNG goes onto the frame of its number, or the one that is shown.
        </p>
        <button type="button" className="drop-target" disabled={running} onClick={() => picker.current?.click()}>
          <Icon name="upload" size={20} />
          {files.length === 0 ? "Choose files, or drop them on the editor" : filesInWords(files)}
        </button>
        <input
          ref={picker}
          type="file"
          multiple
          accept=".json,.zip,.png"
          className="unseen"
          tabIndex={-1}
          aria-label="Files with masks"
          onChange={(event) => {
            setFiles([...(event.target.files ?? [])]);
            setError(null);
          }}
        />
        {media.frames > 1 && (
          <fieldset className="import-prompts" disabled={running}>
            <legend>Prompts for tracking</legend>
            <label className="check-line">
              <input type="radio" name="prompts" checked={all} onChange={() => setAll(true)} />
              All masks: none of them is tracked anew
            </label>
            <label className="check-line">
              <input type="radio" name="prompts" checked={!all} onChange={() => setAll(false)} />
              Every
              <input
                type="number"
                className="every"
                min={2}
                max={media.frames}
                value={every}
                aria-label="How many frames apart"
                onFocus={() => setAll(false)}
                onChange={(event) => setEvery(Math.max(2, Math.round(event.target.valueAsNumber) || 2))}
              />
              frames; tracking replaces the masks between
            </label>
          </fieldset>
        )}
        {error !== null && (
          <p className="dialog-error" role="alert">
            {error}
          </p>
        )}
      </div>
      <footer className="dialog-foot">
        {running && <progress aria-label="Import" value={progress} max={1} />}
        <button
          type="button"
          className="button primary"
          disabled={running || files.length === 0}
          onClick={() => void run()}
        >
          {running ? "Importing" : "Import"}
        </button>
      </footer>
    </Dialog>
  );
}

function filesInWords(files: readonly File[]): string {
  const size = formatBytes(files.reduce((sum, file) => sum + file.size, 0));
  return files.length === 1 ? `${files[0]?.name ?? ""}, ${size}` : `${files.length} files, ${size}`;
}
