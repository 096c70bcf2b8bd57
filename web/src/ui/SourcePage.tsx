import { useEffect, useState } from "react";
import { getInfo, type Info } from "../core/api";
import { StreamGrabber } from "../core/frame-grabber";
import { LiveSource } from "../core/live-source";
import type { Projects } from "../core/projects";
import { IconButton } from "./controls";
import { formatBytes } from "./format";
import { useNotices, useStore } from "./hooks";
import { Icon, type IconName } from "./Icon";
import { mediaHash } from "./route";
import { SourceView } from "./SourceView";

type Kind = "camera" | "screen";

const KINDS: readonly { kind: Kind; icon: IconName; name: string; about: string }[] = [
  { kind: "camera", icon: "camera", name: "Camera", about: "The browser asks which one" },
  { kind: "screen", icon: "screen", name: "Screen", about: "A window, a tab or all of it" },
];

/** Choose a camera or screen, then segment what it shows. */
export function SourcePage({ projects }: { readonly projects: Projects }) {
  const notices = useNotices();
  const [info, setInfo] = useState<Info | null>(null);
  const [source, setSource] = useState<LiveSource | null>(null);
  const [opening, setOpening] = useState<Kind | null>(null);
  const [failed, setFailed] = useState<string | null>(null);

  useEffect(() => {
    document.title = "Camera or screen – masklet";
    getInfo().then(setInfo, notices.error);
  }, [notices]);
  useEffect(() => () => source?.dispose(), [source]);

  const open = async (kind: Kind, name: string) => {
    setFailed(null);
    setOpening(kind);
    try {
      const stream = await (kind === "camera"
        ? navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } } })
        : navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 30 } } }));
      const grabber = await StreamGrabber.open(stream);
      setSource(new LiveSource({ name: `${name} ${now()}`, project: projects.chosen.get() }, grabber, notices));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      setFailed(inWords(error));
    } finally {
      setOpening(null);
    }
  };

  if (source !== null) return <Running source={source} onAgain={() => setSource(null)} />;
  const isPossible = navigator.mediaDevices !== undefined;
  return (
    <div className="source-start">
      <header className="top">
        <a className="button icon-only" href="#/" aria-label="All media" title="All media">
          <Icon name="back" />
        </a>
        <div className="title">
          <h1>Camera or screen</h1>
        </div>
      </header>
      <main className="source-choice">
        <h2>What should be followed live?</h2>
        <p className="dim">
          Click objects while it runs. What was shown is recorded with its masks, and can then be corrected and exported
          like any video.
          {info !== null &&
            ` A recording lasts ${Math.round(info.limits.source_seconds / 60)} minutes or takes ${formatBytes(info.limits.source_bytes)} at most; then it ends by itself.`}
        </p>
        <div className="source-kinds">
          {KINDS.map(({ kind, icon, name, about }) => (
            <button
              key={kind}
              type="button"
              className="source-kind"
              disabled={opening !== null || !isPossible}
              onClick={() => void open(kind, name)}
            >
              <Icon name={icon} size={32} />
              <strong>{name}</strong>
              <span className="dim">{about}</span>
            </button>
          ))}
        </div>
        {!isPossible && (
          <p role="alert">The browser gives cameras and screens to pages from this machine or over https only.</p>
        )}
        {failed !== null && <p role="alert">{failed}</p>}
      </main>
    </div>
  );
}

/** The source while it runs; then what became of it. */
function Running({ source, onAgain }: { readonly source: LiveSource; onAgain(): void }) {
  const { phase, media, reason } = useStore(source.state);
  useEffect(() => {
    // What was asked for opens by itself; where it ended otherwise, the reason is to be read first.
    if (phase === "ended" && reason === null) location.hash = media === null ? "#/" : mediaHash(media.id);
  }, [phase, media, reason]);
  if (phase !== "ended" || reason === null) return <SourceView source={source} />;
  return (
    <main className="opening">
      <h1>The recording has ended</h1>
      <p role="status">{reason.charAt(0).toUpperCase() + reason.slice(1)}.</p>
      {media === null && <p>What was recorded until then, if anything, is in the list of all media.</p>}
      <div className="source-ends">
        {media !== null && (
          <a className="button primary" href={mediaHash(media.id)}>
            Open the recording
          </a>
        )}
        <IconButton icon="camera" label="Record again" text="Record again" onClick={onAgain} />
        <a className="button" href="#/">
          To all media
        </a>
      </div>
    </main>
  );
}

/** Local date and time, to tell recordings apart. */
const now = () => new Date().toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });

function inWords(error: DOMException): string {
  if (error.name === "NotAllowedError") return "The browser was not allowed to show it.";
  if (error.name === "NotFoundError") return "There is no camera.";
  return error.message;
}
