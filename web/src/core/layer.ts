/** The picture with its effects and masks on a canvas: WebGL2 where it is, drawn at most once a screen refresh. */

import type { EffectLook, MaskLook, Painter } from "./painter";
import { CanvasPainter } from "./painter-canvas";
import { WebGlPainter } from "./painter-webgl";
import type { Size, View } from "./view";

export class Layer {
  readonly canvas: HTMLCanvasElement;
  readonly #picture: Size;
  readonly #looks: () => readonly MaskLook[];
  readonly #effects: () => readonly EffectLook[];
  readonly #onRestored: () => void;
  #painter: Painter | null;
  #view: View = { scale: 1, x: 0, y: 0 };
  #stage: Size = { width: 1, height: 1 };
  #density = 1;
  #handle = 0;

  /**
   * @param picture size of the full-size frame
   * @param looks the masks to draw, asked for when the layer is drawn
   * @param effects those to draw on the picture, asked for likewise
   * @param onRestored the graphics context came back empty: set the picture again
   */
  constructor(
    canvas: HTMLCanvasElement,
    picture: Size,
    looks: () => readonly MaskLook[],
    effects: () => readonly EffectLook[],
    onRestored: () => void,
  ) {
    this.canvas = canvas;
    this.#picture = picture;
    this.#looks = looks;
    this.#effects = effects;
    this.#onRestored = onRestored;
    this.#painter = this.#choosePainter();
    canvas.addEventListener("webglcontextlost", this.#lost);
    canvas.addEventListener("webglcontextrestored", this.#restored);
  }

  /** "webgl2" or "2d": what draws. */
  get kind(): "webgl2" | "2d" {
    return this.#painter instanceof CanvasPainter ? "2d" : "webgl2";
  }

  setPicture(picture: ImageBitmap): void {
    this.#painter?.setPicture(picture);
    this.invalidate();
  }

  setView(view: View): void {
    this.#view = view;
    this.invalidate();
  }

  /** The stage's size in CSS pixels and the canvas pixels in one of them. */
  resize(stage: Size, density: number): void {
    this.#stage = stage;
    this.#density = density;
    this.canvas.width = Math.max(1, Math.round(stage.width * density));
    this.canvas.height = Math.max(1, Math.round(stage.height * density));
    // A resized canvas is empty: drawn at once, or it flashes.
    this.#draw();
  }

  /** Draw at the next screen refresh. */
  invalidate(): void {
    if (this.#handle === 0) this.#handle = requestAnimationFrame(this.#draw);
  }

  dispose(): void {
    cancelAnimationFrame(this.#handle);
    this.canvas.removeEventListener("webglcontextlost", this.#lost);
    this.canvas.removeEventListener("webglcontextrestored", this.#restored);
    this.#painter?.dispose();
    this.#painter = null;
  }

  readonly #draw = (): void => {
    cancelAnimationFrame(this.#handle);
    this.#handle = 0;
    this.#painter?.draw({
      picture: this.#picture,
      view: this.#view,
      stage: this.#stage,
      density: this.#density,
      masks: this.#looks(),
      effects: this.#effects(),
    });
  };

  #choosePainter(): Painter {
    const painter = choosePainter(this.canvas);
    painter.onReady = () => this.invalidate();
    return painter;
  }

  readonly #lost = (event: Event): void => {
    event.preventDefault();
    this.#painter = null;
  };

  readonly #restored = (): void => {
    this.#painter = this.#choosePainter();
    this.#onRestored();
  };
}

/** Throws Error where the browser draws on no canvas at all. */
function choosePainter(canvas: HTMLCanvasElement): Painter {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true });
  if (gl !== null) return new WebGlPainter(gl);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser can't draw on a canvas");
  return new CanvasPainter(context);
}
