/** The mask layer where there is no WebGL2: one small canvas a mask, outlines as paths along the pixels' edges. */
import { EffectAssets } from "./effect-assets";
import { CanvasEffects } from "./effect-canvas";
import { type Colour, type EffectLook, type MaskLook, type Painter, padded, type Scene, sameEffects } from "./painter";
import { type Bounds, crop, type Mask } from "./rle";

const SQUARE_PIXELS_FROM = 3;
const DASH_CSS_PIXELS = 5;

interface Drawn {
  readonly box: Bounds;
  readonly colour: Colour;
  readonly area: HTMLCanvasElement;
  readonly outline: Path2D;
}

export class CanvasPainter implements Painter {
  readonly #context: CanvasRenderingContext2D;
  readonly #picture = document.createElement("canvas");
  readonly #effects: CanvasEffects;
  /** The picture with effects as it was drawn last; null where it has to be drawn again. */
  #drawnEffects: { readonly looks: readonly EffectLook[]; readonly result: HTMLCanvasElement } | null = null;
  #masks = new Map<Mask, Drawn | null>();
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
    this.#picture.getContext("2d")?.drawImage(picture, 0, 0);
    this.#drawnEffects = null;
  }

  draw(scene: Scene): void {
    const context = this.#context;
    const { view, density, picture } = scene;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    if (this.#picture.width === 0) return;
    const scale = view.scale * density;
    context.setTransform(scale, 0, 0, scale, view.x * density, view.y * density);
    context.imageSmoothingEnabled = view.scale < SQUARE_PIXELS_FROM;
    const shown = this.#withEffects(scene);
    if (shown !== this.#picture) {
      // What is transparent shows a plain ground.
      context.fillStyle = "#808080";
      context.fillRect(0, 0, picture.width, picture.height);
    }
    context.drawImage(shown, 0, 0, picture.width, picture.height);
    const used = new Map<Mask, Drawn | null>();
    for (const look of scene.masks) {
      const drawn = this.#drawn(look);
      used.set(look.mask, drawn);
      if (drawn !== null) this.#drawMask(look, drawn, view.scale);
    }
    this.#masks = used;
  }

  dispose(): void {
    this.#masks.clear();
    this.#picture.width = 0;
  }

  #withEffects({ effects, picture }: Scene): HTMLCanvasElement {
    if (effects.length === 0) return this.#picture;
    if (this.#drawnEffects === null || !sameEffects(this.#drawnEffects.looks, effects)) {
      this.#drawnEffects = { looks: effects, result: this.#effects.draw(this.#picture, picture, effects) };
    }
    return this.#drawnEffects.result;
  }

  #drawMask(look: MaskLook, drawn: Drawn, scale: number): void {
    const context = this.#context;
    context.globalAlpha = look.fill;
    context.drawImage(drawn.area, drawn.box.x0, drawn.box.y0);
    context.globalAlpha = 1;
    if (look.line === 0) return;
    context.save();
    context.translate(drawn.box.x0, drawn.box.y0);
    context.lineWidth = look.line / scale;
    context.strokeStyle = `rgb(${look.colour.join(" ")})`;
    if (look.dashed) context.setLineDash([DASH_CSS_PIXELS / scale, DASH_CSS_PIXELS / scale]);
    context.stroke(drawn.outline);
    context.restore();
  }

  #drawn(look: MaskLook): Drawn | null {
    const known = this.#masks.get(look.mask);
    if (known !== undefined && (known === null || known.colour.join() === look.colour.join())) return known;
    const box = padded(look.mask);
    if (box === null) return null;
    const pixels = crop(look.mask, box);
    const size = { width: box.x1 - box.x0, height: box.y1 - box.y0 };
    return { box, colour: look.colour, area: paintArea(pixels, size, look.colour), outline: traceEdges(pixels, size) };
  }
}

interface Extent {
  readonly width: number;
  readonly height: number;
}

function paintArea(pixels: Uint8Array, { width, height }: Extent, colour: Colour): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  // Bytes in memory are red, green, blue, alpha.
  const [word = 0] = new Uint32Array(Uint8Array.of(...colour, 255).buffer);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) if (pixels[x * height + y] !== 0) words[y * width + x] = word;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}

/** Lines between foreground and background pixels, straight stretches joined. */
function traceEdges(pixels: Uint8Array, { width, height }: Extent): Path2D {
  const path = new Path2D();
  const at = (x: number, y: number) => pixels[x * height + y] !== 0;
  for (let x = 1; x < width; x++) {
    let start = -1;
    for (let y = 0; y <= height; y++) {
      const edge = y < height && at(x - 1, y) !== at(x, y);
      if (edge && start < 0) start = y;
      if (!edge && start >= 0) {
        path.moveTo(x, start);
        path.lineTo(x, y);
        start = -1;
      }
    }
  }
  for (let y = 1; y < height; y++) {
    let start = -1;
    for (let x = 0; x <= width; x++) {
      const edge = x < width && at(x, y - 1) !== at(x, y);
      if (edge && start < 0) start = x;
      if (!edge && start >= 0) {
        path.moveTo(start, y);
        path.lineTo(x, y);
        start = -1;
      }
    }
  }
  return path;
}
