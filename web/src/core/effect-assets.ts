/** Pictures and lines of text that effects bring along, as canvases, made once. */
import type { Effect } from "./effects";

type Follow = Extract<Effect, { kind: "follow" }>;

const KEPT = 16;
const FONT = "system-ui, 'Segoe UI Emoji', 'Apple Color Emoji', 'Noto Color Emoji', sans-serif";

export class EffectAssets {
  readonly #texts = new Map<string, HTMLCanvasElement>();
  readonly #pictures = new Map<string, HTMLImageElement>();
  readonly #ready: () => void;

  /** @param ready a picture that was asked for in vain is decoded now */
  constructor(ready: () => void) {
    this.#ready = ready;
  }

  /** A line of text with a dark rim, in pixels of the full-size frame. */
  text({ text, size, colour }: Follow): HTMLCanvasElement {
    const key = `${size} ${colour} ${text}`;
    return remembered(this.#texts, key, () => drawText(text, size, colour));
  }

  /** The picture of a data: address; null until it is decoded. */
  picture(address: string): HTMLImageElement | null {
    const image = remembered(this.#pictures, address, () => {
      const made = new Image();
      made.onload = this.#ready;
      made.src = address;
      return made;
    });
    return image.complete && image.naturalWidth > 0 ? image : null;
  }
}

function remembered<T>(kept: Map<string, T>, key: string, make: () => T): T {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = make();
  kept.set(key, made);
  const [oldest] = kept.keys();
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
  return made;
}

function drawText(text: string, size: number, colour: string): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (context === null) return canvas;
  const font = `${size}px ${FONT}`;
  context.font = font;
  const rim = Math.max(1, size / 20);
  canvas.width = Math.max(1, Math.ceil(context.measureText(text).width + 2 * rim));
  canvas.height = Math.ceil(size * 1.2 + 2 * rim);
  context.font = font;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 2 * rim;
  context.strokeStyle = "rgb(0 0 0 / 0.8)";
  context.strokeText(text, rim, canvas.height / 2);
  context.fillStyle = colour;
  context.fillText(text, rim, canvas.height / 2);
  return canvas;
}
