/** Which frame is worth a look next. */
import type { Lane } from "./protocol";

export interface Doubt {
  readonly object: number;
  readonly frame: number;
}

/**
 * The most doubtful frame of the next unsure stretch after `frame`; after the last stretch it starts over.
 *
 * @param iou predicted IoU of an object in a frame, undefined where the page doesn't hold that mask
 * @returns null where no object is unsure anywhere
 */
export function nextToCheck(
  lanes: ReadonlyMap<number, Lane>,
  frame: number,
  iou: (object: number, frame: number) => number | undefined,
): Doubt | null {
  const stretches = [...lanes].flatMap(([object, lane]) =>
    lane.runs.filter((run) => run[2] === "unsure").map(([first, last]) => ({ object, first, last })),
  );
  stretches.sort((a, b) => a.first - b.first || a.object - b.object);
  const next = stretches.find((stretch) => stretch.first > frame) ?? stretches[0];
  if (next === undefined) return null;
  let worst = next.first;
  let least = Number.POSITIVE_INFINITY;
  for (let at = next.first; at <= next.last; at++) {
    const value = iou(next.object, at);
    if (value !== undefined && value < least) {
      least = value;
      worst = at;
    }
  }
  return { object: next.object, frame: worst };
}
