import type { Upload, UploadQueue } from "../core/upload";
import { IconButton } from "./controls";
import { formatBytes } from "./format";
import { useStore } from "./hooks";

/** Uploads that run, wait or failed. */
export function UploadList({ uploads }: { readonly uploads: UploadQueue }) {
  const list = useStore(uploads.list);
  if (list.length === 0) return null;
  return (
    <ul className="uploads" aria-label="Uploads">
      {list.map((upload) => (
        <UploadRow key={upload.id} upload={upload} onRemove={() => uploads.remove(upload)} />
      ))}
    </ul>
  );
}

function UploadRow({ upload, onRemove }: { readonly upload: Upload; onRemove(): void }) {
  const { name, size, sent, state, error } = useStore(upload.progress);
  const words = {
    packing: "Reading the files",
    sending: `${formatBytes(sent)} of ${formatBytes(size)}`,
    waiting: "The server does not answer; it goes on by itself",
    reading: "Reading the file",
    done: "Done",
    failed: error ?? "Failed",
    cancelled: "Cancelled",
  }[state];
  return (
    <li className={`upload ${state}`}>
      <span className="upload-name">{name}</span>
      <span className="upload-state">{words}</span>
      <IconButton icon="close" label={state === "failed" ? `Dismiss ${name}` : `Cancel ${name}`} onClick={onRemove} />
      {state === "reading" || state === "packing" ? (
        <progress aria-label={name} />
      ) : (
        <progress aria-label={name} value={sent} max={Math.max(1, size)} />
      )}
    </li>
  );
}
