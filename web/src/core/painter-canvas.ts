/**
 * The mask layer without a graphics card: picture and masks are each kept as a sheet at the view's scale, so that what
 * is moved is only copied, and what changes is drawn anew only where it has changed.
 */
import { plainContext } from "./canvas-layer";
import { shapeOf } from "./contours";
import { EffectAssets } from "./effect-assets";
import { CanvasEffects } from "./effect-canvas";
import { type EffectLook, type MaskLook, type Painter, padded, type Scene, sameEffects, sameLook } from "./painter";
import type { Mask } from "./rle";
import type { Size } from "./view";

const SQUARE_PIXELS_FROM = 3;
const DASH_CSS_PIXELS = 5;
/** Larger sheets are not kept: of a picture seen so near, little is drawn. */
const MOST_SHEET_PIXELS = 6 << 20;

/** Something at `scale` canvas pixels a pixel of the frame. */
interface Sheet {
  readonly context: CanvasRenderingContext2D;
  readonly scale: number;
}

export class CanvasPainter implements Painter {
  readonly #context: CanvasRenderingContext2D;
  readonly #picture = document.createElement("canvas");
  readonly #effects: CanvasEffects;
  /** The picture with effects as it was drawn last; null where it has to be drawn again. */
  #drawnEffects: { readonly looks: readonly EffectLook[]; readonly result: HTMLCanvasElement } | null = null;
  /** What is on the backdrop; null where it has to be drawn again. */
  #shown: HTMLCanvasElement | null = null;
  #backdrop: Sheet | null = null;
  #maskSheet: (Sheet & { readonly looks: readonly MaskLook[] }) | null = null;
  #shapes = new Map<Mask, Path2D | null>();
  onReady: () => void = () => {};

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
    const assets = new EffectAssets(() => {
      this.#drawnEffects = null;
      this.onReady();
    });
    this.#effects = new CanvasEffects(assets);
  }

  setPicture(picture: ImageBitmap): void {
    this.#picture.width = picture.width;
    this.#picture.height = picture.height;
    plainContext(this.#picture).drawImage(picture, 0, 0);
    this.#drawnEffects = null;
    this.#shown = null;
  }

  draw(scene: Scene): void {
    const context = this.#context;
    const { view, density, picture } = scene;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    if (this.#picture.width === 0) return;
    const scale = view.scale * density;
    const [x, y] = [Math.round(view.x * density), Math.round(view.y * density)];
    this.#follow(scene.masks);
    if (picture.width * picture.height * scale * scale > MOST_SHEET_PIXELS) {
      this.#backdrop = this.#maskSheet = this.#shown = null;
      context.setTransform(scale, 0, 0, scale, x, y);
      this.#drawPicture(context, scene);
      for (const look of scene.masks) this.#drawMask(context, look, view.scale);
      return;
    }
    context.drawImage(this.#backdropOf(scene, scale), x, y);
    if (scene.masks.length > 0) context.drawImage(this.#masksOf(scene, scale), x, y);
  }

  dispose(): void {
    this.#shapes.clear();
    this.#picture.width = 0;
    this.#backdrop = this.#maskSheet = null;
  }

  /** The picture at a scale. */
  #backdropOf(scene: Scene, scale: number): HTMLCanvasElement {
    const shown = this.#withEffects(scene);
    if (this.#backdrop?.scale === scale && this.#shown === shown) return this.#backdrop.context.canvas;
    this.#backdrop = sheetOf(this.#backdrop, scene.picture, scale);
    this.#drawPicture(this.#backdrop.context, scene);
    this.#shown = shown;
    return this.#backdrop.context.canvas;
  }

  /** All masks at a scale; where some have changed, only what they cover and have covered is drawn anew. */
  #masksOf({ picture, masks, view }: Scene, scale: number): HTMLCanvasElement {
    const before = this.#maskSheet?.scale === scale ? this.#maskSheet : null;
    const sheet = before ?? sheetOf(this.#maskSheet, picture, scale);
    const { context } = sheet;
    const changed = differing(before?.looks ?? [], masks);
    this.#maskSheet = { ...sheet, looks: masks };
    if (changed.length === 0) return context.canvas;
    // Another frame, or another scale: nothing is left that a clip would spare.
    const isNew = changed.length === (before?.looks.length ?? 0) + masks.length;
    context.save();
    if (isNew) context.clearRect(0, 0, picture.width, picture.height);
    else {
      // Whole canvas pixels: the edge of a clip that runs through them would be drawn twice.
      const margin = Math.max(...changed.map((look) => look.line), 0) / view.scale + 1 / scale;
      context.beginPath();
      for (const { mask } of changed) {
        const box = padded(mask);
        if (box === null) continue;
        const [left, top] = [box.x0 - margin, box.y0 - margin].map((edge) => Math.floor(edge * scale) / scale);
        const [right, bottom] = [box.x1 + margin, box.y1 + margin].map((edge) => Math.ceil(edge * scale) / scale);
        if (left === undefined || top === undefined || right === undefined || bottom === undefined) continue;
        context.rect(left, top, right - left, bottom - top);
        context.clearRect(left, top, right - left, bottom - top);
      }
      context.clip();
    }
    for (const look of masks) this.#drawMask(context, look, view.scale);
    context.restore();
    return context.canvas;
  }

  #drawPicture(context: CanvasRenderingContext2D, scene: Scene): void {
    const { picture, view } = scene;
    const shown = this.#withEffects(scene);
    context.imageSmoothingEnabled = view.scale < SQUARE_PIXELS_FROM;
    if (shown !== this.#picture) {
      // What is transparent shows a plain ground.
      context.fillStyle = "#808080";
      context.fillRect(0, 0, picture.width, picture.height);
    }
    context.drawImage(shown, 0, 0, picture.width, picture.height);
  }

  #withEffects({ effects, picture }: Scene): HTMLCanvasElement {
    if (effects.length === 0) return this.#picture;
    if (this.#drawnEffects === null || !sameEffects(this.#drawnEffects.looks, effects)) {
      this.#drawnEffects = { looks: effects, result: this.#effects.draw(this.#picture, picture, effects) };
    }
    return this.#drawnEffects.result;
  }

  #drawMask(context: CanvasRenderingContext2D, look: MaskLook, scale: number): void {
    const shape = this.#shapes.get(look.mask) ?? null;
    if (shape === null) return;
    const colour = `rgb(${look.colour.join(" ")})`;
    context.globalAlpha = look.fill;
    context.fillStyle = colour;
    context.fill(shape, "evenodd");
    context.globalAlpha = 1;
    if (look.line === 0) return;
    context.lineWidth = look.line / scale;
    context.strokeStyle = colour;
    context.setLineDash(look.dashed ? [DASH_CSS_PIXELS / scale, DASH_CSS_PIXELS / scale] : []);
    context.stroke(shape);
  }

  /** Makes the shapes of new masks, and forgets those of masks that are gone. */
  #follow(looks: readonly MaskLook[]): void {
    const used = new Map<Mask, Path2D | null>();
    for (const { mask } of looks) {
      const known = this.#shapes.get(mask);
      used.set(mask, known === undefined ? shapeOf(mask) : known);
    }
    this.#shapes = used;
  }
}

/** Looks that are in one of two lists only, or not in the same order in both. */
function differing(before: readonly MaskLook[], now: readonly MaskLook[]): MaskLook[] {
  const changed: MaskLook[] = [];
  for (let i = 0; i < Math.max(before.length, now.length); i++) {
    const [a, b] = [before[i], now[i]];
    if (a !== undefined && b !== undefined && sameLook(a, b)) continue;
    if (a !== undefined) changed.push(a);
    if (b !== undefined) changed.push(b);
  }
  return changed;
}

/** An empty sheet, transformed to pixels of the frame; on the canvas of an earlier one, if there is one. */
function sheetOf(earlier: Sheet | null, picture: Size, scale: number): Sheet {
  const context = earlier?.context ?? plainContext(document.createElement("canvas"));
  context.canvas.width = Math.max(1, Math.ceil(picture.width * scale));
  context.canvas.height = Math.max(1, Math.ceil(picture.height * scale));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, scale };
}
