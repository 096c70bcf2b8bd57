/** Where the picture stands on the stage: zoom and pan, in CSS pixels. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Screen = picture * scale + (x, y). */
export interface View {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

const LARGEST_SCALE = 64;
/** Of the picture, at least this much stays on the stage. */
const KEPT_IN_SIGHT = 48;

/** The whole picture in the middle of the stage, with a margin. */
export function fitted(picture: Size, stage: Size, margin = 16): View {
  const scale = Math.max(
    1e-3,
    Math.min((stage.width - 2 * margin) / picture.width, (stage.height - 2 * margin) / picture.height),
  );
  return centred(picture, stage, scale);
}

/** The middle of the picture in the middle of the stage. */
export function centred(picture: Size, stage: Size, scale: number): View {
  return {
    scale,
    x: (stage.width - picture.width * scale) / 2,
    y: (stage.height - picture.height * scale) / 2,
  };
}

/** Zoom by a factor with the screen point kept in place. */
export function zoomed(view: View, picture: Size, stage: Size, at: Point, factor: number): View {
  const smallest = Math.min(1, fitted(picture, stage).scale) / 2;
  const scale = Math.min(LARGEST_SCALE, Math.max(smallest, view.scale * factor));
  const ratio = scale / view.scale;
  return inSight({ scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio }, picture, stage);
}

/** Move the picture by screen pixels. */
export function panned(view: View, picture: Size, stage: Size, by: Point): View {
  return inSight({ scale: view.scale, x: view.x + by.x, y: view.y + by.y }, picture, stage);
}

function inSight(view: View, picture: Size, stage: Size): View {
  const clamp = (value: number, extent: number, room: number) =>
    Math.min(room - KEPT_IN_SIGHT, Math.max(KEPT_IN_SIGHT - extent, value));
  return {
    scale: view.scale,
    x: clamp(view.x, picture.width * view.scale, stage.width),
    y: clamp(view.y, picture.height * view.scale, stage.height),
  };
}

export function toPicture(view: View, at: Point): Point {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}

export function toScreen(view: View, at: Point): Point {
  return { x: at.x * view.scale + view.x, y: at.y * view.scale + view.y };
}

export function isInside(picture: Size, at: Point): boolean {
  return at.x >= 0 && at.y >= 0 && at.x < picture.width && at.y < picture.height;
}
