import { useState } from "react";
import { frameUrl, stripUrl } from "../core/api";
import type { MediaItem } from "../core/protocol";
import { Menu } from "./controls";
import { formatTime, plural } from "./format";
import { Icon } from "./Icon";
import { Picture } from "./Picture";
import { mediaHash } from "./route";

const STRIP_FRAMES = 16;
const THUMBNAIL_HEIGHT = 240;
const CARD_ASPECT = 16 / 10;

interface MediaCardProps {
  readonly media: MediaItem;
  /** Its project's name, where that is worth a word. */
  readonly project: string | null;
  onDelete(): void;
}

/** A thumbnail that the pointer scrubs through, with what is known of the media. */
export function MediaCard({ media, project, onDelete }: MediaCardProps) {
  const [at, setAt] = useState<number | null>(null);
  const moves = media.kind !== "image" && media.frames > 1;
  const aspect = media.width / media.height;
  // The inner picture covers the card's frame.
  const cover = aspect > CARD_ASPECT ? { height: "100%", aspectRatio: aspect } : { width: "100%", aspectRatio: aspect };
  const scrub = (event: React.PointerEvent<HTMLElement>) => {
    if (!moves || event.pointerType === "touch") return;
    const box = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    setAt(Math.min(STRIP_FRAMES - 1, Math.max(0, Math.floor(share * STRIP_FRAMES))));
  };
  return (
    <li className="card">
      <a className="card-link" href={mediaHash(media.id)} onPointerMove={scrub} onPointerLeave={() => setAt(null)}>
        <span className="thumb">
          <Picture className="thumb-inner" style={cover} src={frameUrl(media.id, 0, THUMBNAIL_HEIGHT)} lazy />
          {at !== null && (
            <span
              className="thumb-inner"
              style={{
                ...cover,
                backgroundImage: `url("${stripUrl(media.id, STRIP_FRAMES, THUMBNAIL_HEIGHT)}")`,
                backgroundSize: `${STRIP_FRAMES * 100}% 100%`,
                backgroundPosition: `${(at / (STRIP_FRAMES - 1)) * 100}% 0`,
              }}
            />
          )}
          {at !== null && <span className="thumb-place" style={{ left: `${(at / STRIP_FRAMES) * 100}%` }} />}
          <span className="thumb-badge">
            <Icon name={media.kind === "video" ? "video" : "image"} size={14} />
            {media.kind === "video" ? formatTime(media.frames / media.fps) : plural(media.frames, "image")}
          </span>
        </span>
        <span className="card-name" title={media.name}>
          {media.name}
        </span>
        <span className="card-facts">
          {media.width} × {media.height}
          {moves && ` · ${media.frames} frames`}
          {media.objects > 0 && ` · ${plural(media.objects, "object")}`}
          {project !== null && ` · ${project}`}
        </span>
      </a>
      <Menu
        label={`More about ${media.name}`}
        className="card-menu"
        items={[{ label: "Delete", icon: "trash", danger: true, run: onDelete }]}
      />
    </li>
  );
}
