/** Which masks are drawn on a frame, and how. */
import type { EditorState, Settings } from "./editor-state";
import { type MaskLook, parseColour } from "./painter";
import type { Mask } from "./rle";

const OUTLINE_PIXELS = 2;
const PREVIEW_FILL = 0.25;

/**
 * The masks of a frame, the selected object's on top and the preview above it. A candidate that is tried out stands in
 * for its object's mask.
 */
export function looksAt(
  frame: number,
  { objects, selected, candidates }: Pick<EditorState, "objects" | "selected" | "candidates">,
  { opacity, outlines, masks }: Settings,
  maskOf: (object: number) => Mask | null,
  preview: Mask | null,
): MaskLook[] {
  const looks: MaskLook[] = [];
  if (!masks) return looks;
  const sorted = objects.toSorted((a, b) => Number(a.id === selected) - Number(b.id === selected));
  for (const object of sorted) {
    if (object.hidden) continue;
    const tried =
      candidates?.object === object.id && candidates.frame === frame && candidates.tried !== null
        ? candidates.masks[candidates.tried]?.mask
        : undefined;
    const mask = tried ?? maskOf(object.id);
    if (mask === null) continue;
    const line = outlines || object.id === selected ? OUTLINE_PIXELS : 0;
    looks.push({ mask, colour: parseColour(object.colour), fill: opacity, line, dashed: tried !== undefined });
  }
  if (preview !== null) {
    const colour = parseColour(objects.find((object) => object.id === selected)?.colour ?? "#ffffff");
    looks.push({ mask: preview, colour, fill: PREVIEW_FILL, line: OUTLINE_PIXELS, dashed: true });
  }
  return looks;
}
