import { useCallback, useEffect, useRef, useState } from "react";
import { deleteMedia, getInfo, type Info, listMedia, logOut } from "../core/api";
import { type Dropped, readDrop, readPicked } from "../core/dropped";
import type { Projects } from "../core/projects";
import type { MediaItem } from "../core/protocol";
import { signedIn } from "../core/session";
import type { Store } from "../core/state";
import type { UploadQueue } from "../core/upload";
import { Dialog, IconButton } from "./controls";
import { FilesDialog } from "./FilesDialog";
import { useNotices, useStore } from "./hooks";
import { Icon, Logo } from "./Icon";
import { MediaCard } from "./MediaCard";
import { ProjectBar } from "./ProjectBar";
import { mediaHash, SOURCE_HASH } from "./route";
import { ThemeButton } from "./ThemeButton";
import { UploadList } from "./UploadList";
import { useFileDrop } from "./useFileDrop";

interface GalleryProps {
  readonly uploads: UploadQueue;
  /** Changes when an upload has become a media item. */
  readonly uploaded: Store<number>;
  readonly projects: Projects;
}

/** All media, newest first; files come in by drop, picker or from the folders that are served. */
export function Gallery({ uploads, uploaded, projects }: GalleryProps) {
  const notices = useNotices();
  const [info, setInfo] = useState<Info | null>(null);
  const [everything, setEverything] = useState<readonly MediaItem[] | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const [browsing, setBrowsing] = useState(false);
  const [doomed, setDoomed] = useState<MediaItem | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  const folderPicker = useRef<HTMLInputElement>(null);
  const count = useStore(uploaded);
  const chosen = useStore(projects.chosen);
  const known = useStore(projects.list);
  const media = everything?.filter((item) => chosen === null || item.project === chosen) ?? null;
  /** What is told of a card's project where cards of several are listed. */
  const projectOf = (item: MediaItem) =>
    chosen === null && known.length > 1 ? (known.find(({ id }) => id === item.project)?.name ?? null) : null;

  const refresh = useCallback(async () => {
    try {
      const [found] = await Promise.all([listMedia(), projects.refresh()]);
      setEverything(found);
      setFailed(null);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    }
  }, [projects]);

  useEffect(() => {
    document.title = "masklet";
    getInfo().then(setInfo, notices.error);
  }, [notices]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: an upload that ended is a reason to ask again
  useEffect(() => {
    void refresh();
    addEventListener("focus", refresh);
    return () => removeEventListener("focus", refresh);
  }, [refresh, count]);

  const upload = useCallback((dropped: Dropped) => uploads.add(dropped, projects.chosen.get()), [uploads, projects]);
  const take = useCallback(
    (transfer: DataTransfer) => void readDrop(transfer).then(upload, notices.error),
    [upload, notices],
  );
  const dropping = useFileDrop(take);

  const remove = async (item: MediaItem) => {
    setDoomed(null);
    try {
      await deleteMedia(item.id);
      await refresh();
    } catch (error) {
      notices.error(error);
    }
  };
  const leave = async () => {
    try {
      await logOut();
      signedIn.set(false);
    } catch (error) {
      notices.error(error);
    }
  };
  const hasRoots = (info?.roots.length ?? 0) > 0;

  return (
    <div className="gallery">
      <header className="gallery-head">
        <span className="brand">
          <Logo /> masklet
        </span>
        {info !== null && <span className="chip model-chip">{info.model.name}</span>}
        <span className="spacer" />
        {info !== null && info.user !== null && (
          <button type="button" className="button" onClick={() => void leave()}>
            Log out {info.user}
          </button>
        )}
        <ThemeButton />
      </header>
      <main className="gallery-main">
        {info !== null && <ProjectBar projects={projects} user={info.user} />}
        <div className="gallery-bar">
          <h1>Media</h1>
          {media !== null && media.length > 0 && <span className="count">{media.length}</span>}
          <span className="spacer" />
          {hasRoots && (
            <IconButton icon="folder" label="Open a file" text="Open a file" onClick={() => setBrowsing(true)} />
          )}
          <a className="button" href={SOURCE_HASH} title="Camera or screen">
            <Icon name="camera" />
            <span className="button-text">Camera or screen</span>
          </a>
          <IconButton
            icon="layers"
            label="Upload a folder of images"
            text="Folder"
            onClick={() => folderPicker.current?.click()}
          />
          <IconButton
            icon="upload"
            label="Upload videos or images"
            text="Upload"
            className="primary"
            onClick={() => picker.current?.click()}
          />
          <input
            ref={picker}
            type="file"
            multiple
            accept="video/*,image/*"
            className="unseen"
            tabIndex={-1}
            aria-label="Videos or images to upload"
            onChange={(event) => {
              upload(readPicked(event.target.files ?? []));
              event.target.value = "";
            }}
          />
          <input
            ref={folderPicker}
            type="file"
            webkitdirectory=""
            className="unseen"
            tabIndex={-1}
            aria-label="Folder to upload"
            onChange={(event) => {
              const picked = readPicked(event.target.files ?? []);
              if (picked.files.length + picked.folders.length === 0) {
                notices.add("error", "There are no videos or images in this folder");
              }
              upload(picked);
              event.target.value = "";
            }}
          />
        </div>
        <UploadList uploads={uploads} />
        {failed !== null && (
          <div className="banner" role="alert">
            <span>The media can't be listed: {failed}.</span>
            <button type="button" className="button" onClick={refresh}>
              Try again
            </button>
          </div>
        )}
        {media === null && failed === null && (
          <ul className="cards" aria-busy="true" aria-label="Media are being listed">
            {[0, 1, 2, 3].map((i) => (
              <li key={i} className="card ghost" />
            ))}
          </ul>
        )}
        {media !== null && media.length > 0 && (
          <ul className="cards">
            {media.map((item) => (
              <MediaCard key={item.id} media={item} project={projectOf(item)} onDelete={() => setDoomed(item)} />
            ))}
            <li className="card drop-card">
              <button type="button" className="drop-target" onClick={() => picker.current?.click()}>
                <Icon name="upload" size={22} />
                Drop files or folders anywhere, or choose files
              </button>
            </li>
          </ul>
        )}
        {media?.length === 0 && (
          <div className="empty">
            <Logo size={56} />
            <h2>Drop a video here</h2>
            <p>Click an object in one frame, and follow it through all of them.</p>
            <p className="dim">Videos, images and folders of images. Files stay on this machine's server.</p>
          </div>
        )}
      </main>
      {dropping && (
        <div className="drop-cover">
          <Icon name="upload" size={40} />
          Drop to upload
        </div>
      )}
      {browsing && info !== null && (
        <FilesDialog
          roots={info.roots.map((root) => root.name)}
          onClose={() => setBrowsing(false)}
          onOpened={(item) => {
            location.hash = mediaHash(item.id);
          }}
        />
      )}
      {doomed !== null && (
        <Dialog title="Delete this media?" className="narrow" onClose={() => setDoomed(null)}>
          <p className="dialog-text">
            <strong>{doomed.name}</strong> leaves the list, with all its objects and masks. This can't be undone. A file
            that was opened from a folder stays where it is.
          </p>
          <footer className="dialog-foot">
            <button type="button" className="button" onClick={() => setDoomed(null)}>
              Keep it
            </button>
            <button type="button" className="button danger-fill" onClick={() => void remove(doomed)}>
              Delete
            </button>
          </footer>
        </Dialog>
      )}
    </div>
  );
}
