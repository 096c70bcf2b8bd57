/** The page's place, in the hash of its address: `#/media/ID?frame=N`, `#/source`, or nothing for the gallery. */

export interface Route {
  readonly media: string | null;
  readonly frame: number;
}

/** Where a camera or screen is segmented while it runs. */
export const SOURCE_HASH = "#/source";

export function readRoute(hash: string): Route {
  const match = /^#\/media\/([^/?]+)(?:\?frame=(\d+))?$/.exec(hash);
  if (match?.[1] === undefined) return { media: null, frame: 0 };
  return { media: decodeURIComponent(match[1]), frame: Number(match[2] ?? 0) };
}

export function mediaHash(id: string, frame = 0): string {
  return `#/media/${encodeURIComponent(id)}${frame > 0 ? `?frame=${frame}` : ""}`;
}

/** Remember the frame without a step in the history. */
export function rememberFrame(id: string, frame: number): void {
  history.replaceState(null, "", mediaHash(id, frame));
}
