/**
 * The picture with its effects and masks on a canvas: by WebGL2 where a graphics card does it, drawn when something has
 * changed, and at most once a screen refresh.
 */
import { plainContext } from "./canvas-layer";
import { isDrawnByProcessor } from "./gl";
import { type EffectLook, type MaskLook, type Painter, type Scene, sameEffects, sameLook } from "./painter";
import { CanvasPainter } from "./painter-canvas";
import { WebGlPainter } from "./painter-webgl";
import type { Size, View } from "./view";

/** What the layer's canvas tells with the event "painted", for those who measure. */
export interface Painted {
  /** How many masks it shows. */
  readonly masks: number;
  /** How many of them are new on it. */
  readonly added: number;
  /** What drawing took of the script's time. */
  readonly milliseconds: number;
}

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
  /** What was drawn last; null where it has to be drawn again. */
  #drawn: Scene | null = null;

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
    this.#drawn = null;
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
    this.#drawn = null;
    this.#draw();
  }

  /** Something may have changed: draw at the next screen refresh, if it has. */
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
    if (this.#painter === null) return;
    const scene: Scene = {
      picture: this.#picture,
      view: this.#view,
      stage: this.#stage,
      density: this.#density,
      masks: this.#looks(),
      effects: this.#effects(),
    };
    const before = this.#drawn;
    if (before !== null && sameScene(before, scene)) return;
    const began = performance.now();
    this.#painter.draw(scene);
    const milliseconds = performance.now() - began;
    this.#drawn = scene;
    const added = scene.masks.filter(({ mask }) => before?.masks.every((look) => look.mask !== mask) ?? true).length;
    const detail: Painted = { masks: scene.masks.length, added, milliseconds };
    this.canvas.dispatchEvent(new CustomEvent("painted", { detail }));
  };

  #choosePainter(): Painter {
    const painter = choosePainter(this.canvas);
    painter.onReady = () => {
      this.#drawn = null;
      this.invalidate();
    };
    return painter;
  }

  readonly #lost = (event: Event): void => {
    event.preventDefault();
    this.#painter = null;
  };

  readonly #restored = (): void => {
    this.#painter = this.#choosePainter();
    this.#drawn = null;
    this.#onRestored();
  };
}

/** Whether the same is to be drawn; the picture and what belongs to effects aside. */
function sameScene(a: Scene, b: Scene): boolean {
  return (
    a.view === b.view &&
    a.masks.length === b.masks.length &&
    a.masks.every((look, i) => sameLook(look, b.masks[i] as MaskLook)) &&
    sameEffects(a.effects, b.effects)
  );
}

/** Throws Error where the browser draws on no canvas at all. */
function choosePainter(canvas: HTMLCanvasElement): Painter {
  const gl = isDrawnByProcessor()
    ? null
    : canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true });
  return gl === null ? new CanvasPainter(plainContext(canvas)) : new WebGlPainter(gl);
}
