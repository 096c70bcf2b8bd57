import { useEffect, useState } from "react";
import { addMedia, type FileEntry, listFiles } from "../core/api";
import type { MediaItem } from "../core/protocol";
import { Dialog } from "./controls";
import { formatBytes } from "./format";
import { Icon } from "./Icon";

interface FilesDialogProps {
  readonly roots: readonly string[];
  onClose(): void;
  onOpened(media: MediaItem): void;
}

interface Place {
  readonly root: string;
  readonly path: readonly string[];
}

/** Files and folders below the folders that the server was started with. */
export function FilesDialog({ roots, onClose, onOpened }: FilesDialogProps) {
  const [place, setPlace] = useState<Place>({ root: roots[0] ?? "", path: [] });
  const [entries, setEntries] = useState<readonly FileEntry[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [opening, setOpening] = useState(false);
  const path = place.path.join("/");

  useEffect(() => {
    let current = true;
    setEntries(null);
    setError(null);
    listFiles(place.root, path).then(
      (list) => current && setEntries(list),
      (reason: Error) => current && setError(reason.message),
    );
    return () => {
      current = false;
    };
  }, [place.root, path]);

  const open = async (parts: readonly string[]) => {
    setOpening(true);
    setError(null);
    try {
      onOpened(await addMedia(place.root, parts.join("/")));
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
      setOpening(false);
    }
  };
  const hasImages = entries?.some((entry) => entry.kind === "image") ?? false;

  return (
    <Dialog title="Open a file" className="files" onClose={onClose}>
      <nav className="crumbs" aria-label="Folder">
        {roots.length > 1 ? (
          <select
            aria-label="Served folder"
            value={place.root}
            onChange={(event) => setPlace({ root: event.target.value, path: [] })}
          >
            {roots.map((root) => (
              <option key={root}>{root}</option>
            ))}
          </select>
        ) : (
          <button type="button" className="crumb" onClick={() => setPlace({ root: place.root, path: [] })}>
            {place.root}
          </button>
        )}
        {place.path.map((part, depth) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the depth is what tells folders of one name apart
          <span key={depth}>
            <span aria-hidden="true">/</span>
            <button
              type="button"
              className="crumb"
              onClick={() => setPlace({ root: place.root, path: place.path.slice(0, depth + 1) })}
            >
              {part}
            </button>
          </span>
        ))}
      </nav>
      {error !== null && (
        <p className="dialog-error" role="alert">
          {error}
        </p>
      )}
      <ul className="file-list" aria-busy={entries === null || opening}>
        {entries?.map((entry) => (
          <li key={entry.name}>
            <button
              type="button"
              className="file"
              disabled={opening}
              onClick={() => {
                const parts = [...place.path, entry.name];
                if (entry.kind === "folder") setPlace({ root: place.root, path: parts });
                else void open(parts);
              }}
            >
              <Icon name={entry.kind} />
              <span className="file-name">{entry.name}</span>
              {entry.kind !== "folder" && <span className="file-size">{formatBytes(entry.size)}</span>}
            </button>
          </li>
        ))}
        {entries?.length === 0 && <li className="file-none">No videos or images here</li>}
      </ul>
      {hasImages && (
        <footer className="dialog-foot">
          <button type="button" className="button" disabled={opening} onClick={() => void open(place.path)}>
            Open this folder as one sequence
          </button>
        </footer>
      )}
    </Dialog>
  );
}
