import { useEffect, useMemo, useRef } from "react";
import { frameUrl } from "../core/api";
import { area, type Bounds, bounds, type Mask, toBitmap } from "../core/rle";
import type { Size } from "../core/view";
import { IconButton } from "./controls";
import { useSelect, useWorkbench } from "./hooks";

/** In CSS pixels. */
const TILE: Size = { width: 104, height: 72 };

/** The masks that a click may mean, to choose from. */
export function CandidateBar() {
  const { editor } = useWorkbench();
  const candidates = useSelect(editor.state, (state) => state.candidates);
  const objects = useSelect(editor.state, (state) => state.objects);
  const masks = useMemo(() => candidates?.masks.map((message) => message.mask) ?? [], [candidates?.masks]);
  const part = useMemo(() => sharedPart(masks, editor.media), [masks, editor]);
  if (candidates === null) return null;
  const colour = objects.find((object) => object.id === candidates.object)?.colour ?? "#ffffff";
  const names = sizeNames(masks.map(area));
  return (
    <div className="candidates" role="toolbar" aria-label="What the click means">
      {candidates.masks.map((message, i) => (
        <button
          // biome-ignore lint/suspicious/noArrayIndexKey: a candidate is known by its place
          key={i}
          type="button"
          className="candidate"
          aria-pressed={i === candidates.chosen}
          title={`Predicted quality ${Math.round(message.iou * 100)} % (K: next)`}
          onPointerEnter={() => editor.prompting.tryCandidate(i)}
          onPointerLeave={() => editor.prompting.tryCandidate(null)}
          onFocus={() => editor.prompting.tryCandidate(i)}
          onBlur={() => editor.prompting.tryCandidate(null)}
          onClick={() => editor.prompting.chooseCandidate(i)}
        >
          <CandidateTile
            mask={message.mask}
            colour={colour}
            picture={frameUrl(editor.media.id, candidates.frame)}
            part={part}
          />
          <span>{names[i]}</span>
        </button>
      ))}
      <IconButton icon="close" label="Keep the mask" onClick={editor.prompting.dismissCandidates} />
    </div>
  );
}

/** "Large", "Medium", "Small" by area, for any order and number. */
function sizeNames(areas: readonly number[]): string[] {
  const names = areas.length === 2 ? ["Large", "Small"] : ["Large", "Medium", "Small"];
  const sorted = areas.map((_, i) => i).toSorted((a, b) => (areas[b] ?? 0) - (areas[a] ?? 0));
  return areas.map((_, i) => names[sorted.indexOf(i)] ?? "Other");
}

interface CandidateTileProps {
  readonly mask: Mask;
  readonly colour: string;
  /** Address of the frame's picture, which the player has loaded before. */
  readonly picture: string;
  /** The part of the picture to show. */
  readonly part: Bounds;
}

function CandidateTile({ mask, colour, picture, part }: CandidateTileProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context == null) return;
    let current = true;
    const image = new Image();
    image.src = picture;
    const draw = () => {
      if (current) drawTile(context, image, mask, colour, part);
    };
    // The mask alone, until the picture is there.
    draw();
    image.decode().then(draw, draw);
    return () => {
      current = false;
    };
  }, [mask, colour, picture, part]);
  return <canvas ref={canvas} className="tile" width={2 * TILE.width} height={2 * TILE.height} />;
}

/** A part of the frame with the mask on it, both at the tile's size. */
function drawTile(
  context: CanvasRenderingContext2D,
  image: HTMLImageElement,
  mask: Mask,
  colour: string,
  part: Bounds,
): void {
  const { width, height } = context.canvas;
  const [partWidth, partHeight] = [part.x1 - part.x0, part.y1 - part.y0];
  context.globalAlpha = 1;
  context.clearRect(0, 0, width, height);
  if (image.naturalWidth > 0) {
    const scale = image.naturalWidth / mask.width;
    const from = [part.x0 * scale, part.y0 * scale, partWidth * scale, partHeight * scale] as const;
    context.drawImage(image, ...from, 0, 0, width, height);
  }
  const bitmap = toBitmap(mask);
  context.fillStyle = colour;
  context.globalAlpha = 0.6;
  for (let x = 0; x < width; x++) {
    const column = Math.floor(part.x0 + ((x + 0.5) / width) * partWidth) * mask.height;
    for (let y = 0; y < height; y++) {
      const row = Math.floor(part.y0 + ((y + 0.5) / height) * partHeight);
      if (bitmap[column + row] === 1) context.fillRect(x, y, 1, 1);
    }
  }
}

/** What all masks cover, with some room around it, in the tile's shape and within the picture. */
function sharedPart(masks: readonly Mask[], picture: Size): Bounds {
  const boxes = masks.map(bounds).filter((box) => box !== null);
  const x0 = Math.min(picture.width, ...boxes.map((box) => box.x0));
  const y0 = Math.min(picture.height, ...boxes.map((box) => box.y0));
  const x1 = Math.max(0, ...boxes.map((box) => box.x1));
  const y1 = Math.max(0, ...boxes.map((box) => box.y1));
  const aspect = TILE.width / TILE.height;
  const wanted = Math.max(x1 - x0, (y1 - y0) * aspect) * 1.3;
  const width = Math.min(wanted, picture.width, picture.height * aspect);
  const height = width / aspect;
  const left = Math.min(picture.width - width, Math.max(0, (x0 + x1 - width) / 2));
  const top = Math.min(picture.height - height, Math.max(0, (y0 + y1 - height) / 2));
  return { x0: left, y0: top, x1: left + width, y1: top + height };
}
