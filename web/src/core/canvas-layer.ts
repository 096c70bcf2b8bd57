/** Canvases to compose pictures of, each of a part of the picture and perhaps smaller than it. */
import type { Bounds } from "./rle";

/** A context whose pixels lie in memory: it is used where there is no graphics card to hold them. */
export function plainContext(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser can't draw on a canvas");
  return context;
}

/** Canvases that are drawn on again: a browser takes back late what is only dropped. */
export class CanvasPool {
  #free: CanvasRenderingContext2D[] = [];
  #taken: CanvasRenderingContext2D[] = [];
  #used = new Set<CanvasRenderingContext2D>();

  /** A transparent canvas, until `release`. */
  take(width: number, height: number): CanvasRenderingContext2D {
    const found = this.#free.findIndex(({ canvas }) => canvas.width === width && canvas.height === height);
    const [kept] = found < 0 ? [] : this.#free.splice(found, 1);
    kept?.reset();
    const context = kept ?? newContext(width, height);
    this.#taken.push(context);
    this.#used.add(context);
    return context;
  }

  /** What was taken may be taken again. */
  release(): void {
    this.#free.push(...this.#taken);
    this.#taken = [];
  }

  /** Drops what was not taken since the last time. */
  trim(): void {
    this.#free = this.#free.filter((context) => this.#used.has(context));
    this.#used.clear();
  }
}

/** The part `box` of a picture on a canvas of its own, transparent at first; all drawing is in the picture's pixels. */
export class CanvasLayer {
  readonly box: Bounds;
  /** Side of a pixel of the canvas, in pixels of the picture. */
  readonly shrink: number;
  readonly context: CanvasRenderingContext2D;

  constructor(box: Bounds, shrink = 1, pool: CanvasPool | null = null) {
    const [width, height] = [Math.ceil((box.x1 - box.x0) / shrink), Math.ceil((box.y1 - box.y0) / shrink)];
    this.box = box;
    this.shrink = shrink;
    this.context = pool?.take(width, height) ?? newContext(width, height);
    this.context.setTransform(1 / shrink, 0, 0, 1 / shrink, -box.x0 / shrink, -box.y0 / shrink);
  }

  get canvas(): HTMLCanvasElement {
    return this.context.canvas;
  }

  /** Composes another layer with this one. */
  cover(layer: CanvasLayer, how: GlobalCompositeOperation = "source-over", alpha = 1): this {
    const { canvas, box, shrink } = layer;
    this.context.globalCompositeOperation = how;
    this.context.globalAlpha = alpha;
    this.context.drawImage(canvas, box.x0, box.y0, canvas.width * shrink, canvas.height * shrink);
    this.context.globalCompositeOperation = "source-over";
    this.context.globalAlpha = 1;
    return this;
  }

  /** Draws another layer through a filter, whose lengths are pixels of this canvas. */
  filtered(layer: CanvasLayer, filter: string): this {
    this.context.filter = filter;
    this.cover(layer);
    this.context.filter = "none";
    return this;
  }

  /** Draws in units of so many pixels of the picture. */
  drawIn(unit: number, draw: (context: CanvasRenderingContext2D) => void): this {
    this.context.save();
    this.context.scale(unit, unit);
    draw(this.context);
    this.context.restore();
    return this;
  }

  /** The whole box in one colour, or course of colours. */
  flood(style: string | CanvasGradient): this {
    const { x0, y0, x1, y1 } = this.box;
    this.context.fillStyle = style;
    this.context.fillRect(x0, y0, x1 - x0, y1 - y0);
    return this;
  }

  /** What is there in one colour. */
  tint(colour: string): this {
    this.context.globalCompositeOperation = "source-in";
    this.flood(colour);
    this.context.globalCompositeOperation = "source-over";
    return this;
  }
}

function newContext(width: number, height: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return plainContext(canvas);
}
