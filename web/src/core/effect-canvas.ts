/** Effects on a 2D canvas, where there is no WebGL2: composed of whole layers, near to what the export draws. */
import type { EffectAssets } from "./effect-assets";
import { type Effect, textPlace } from "./effects";
import type { EffectLook } from "./painter";
import { type Bounds, bounds, crop, type Mask } from "./rle";
import type { Size } from "./view";

type Of<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;
type Layer = CanvasRenderingContext2D;

const OUTLINE_STEPS = 32;
/** How often a layer is drawn over itself, so that what is nearly transparent becomes opaque in its own colour. */
const SATURATIONS = 6;

export class CanvasEffects {
  readonly #assets: EffectAssets;
  #size: Size = { width: 1, height: 1 };
  #full: Size = { width: 1, height: 1 };

  constructor(assets: EffectAssets) {
    this.#assets = assets;
  }

  /** A new canvas: the picture, of any size, with effects whose lengths are pixels of the full-size frame. */
  draw(picture: HTMLCanvasElement, full: Size, looks: readonly EffectLook[]): HTMLCanvasElement {
    this.#size = { width: picture.width, height: picture.height };
    this.#full = full;
    const image = this.#layer();
    image.drawImage(picture, 0, 0);
    for (const look of looks) this.#apply(image, look);
    return image.canvas;
  }

  get #scale(): number {
    return this.#size.height / this.#full.height;
  }

  #apply(image: Layer, { effect, masks, background, boxes }: EffectLook): void {
    if (effect.kind === "follow") {
      for (const box of boxes) this.#follow(image, effect, box);
      return;
    }
    const there = masks.filter((mask) => bounds(mask) !== null);
    if (!background && there.length === 0 && effect.kind !== "cut-out") return;
    const hard = this.#mask(there, background);
    if (effect.kind === "erase") this.#erase(image, this.#grown(hard, effect.grow));
    else if (effect.kind === "outline") {
      const line = this.#grown(hard, effect.width);
      cover(line, hard, "destination-out");
      cover(image, fill(line, effect.colour), "source-over");
    } else this.#within(image, effect, this.#soften(hard, effect.feather), there);
  }

  #within(
    image: Layer,
    effect: Exclude<Effect, Of<"follow" | "erase" | "outline">>,
    mask: Layer,
    masks: readonly Mask[],
  ): void {
    switch (effect.kind) {
      case "cut-out":
        cover(image, mask, "destination-in");
        return;
      case "spotlight": {
        const shade = fill(this.#layer(true), "#000000");
        cover(shade, mask, "destination-out");
        cover(image, shade, "source-atop", effect.darkness);
        return;
      }
      case "replace":
        cover(image, this.#shaped(this.#backdrop(effect), mask), "source-over");
        return;
      case "overlay":
        cover(image, fill(this.#copy(mask), effect.colour), "source-atop", effect.opacity);
        return;
      case "gradient":
        cover(image, this.#shaped(this.#course(effect, masks), mask), "source-atop", effect.opacity);
        return;
      case "desaturate": {
        const grey = this.#layer();
        grey.filter = "grayscale(1)";
        grey.drawImage(image.canvas, 0, 0);
        cover(image, this.#shaped(grey, mask), "source-atop", effect.amount);
        return;
      }
      case "blur": {
        const soft = this.#layer();
        soft.filter = `blur(${effect.radius * this.#scale}px)`;
        soft.drawImage(this.#shaped(image, mask).canvas, 0, 0);
        cover(image, this.#shaped(saturated(soft), mask), "source-atop");
        return;
      }
      case "pixelate": {
        const cell = Math.max(1, Math.round(effect.size * this.#scale));
        const [columns, rows] = [Math.ceil(this.#size.width / cell), Math.ceil(this.#size.height / cell)];
        const small = newLayer({ width: columns, height: rows });
        small.imageSmoothingQuality = "high";
        const { width, height } = this.#size;
        small.drawImage(this.#shaped(image, mask).canvas, 0, 0, width / cell, height / cell);
        const large = this.#layer();
        large.imageSmoothingEnabled = false;
        large.drawImage(saturated(small).canvas, 0, 0, columns * cell, rows * cell);
        cover(image, this.#shaped(large, mask), "source-atop");
      }
    }
  }

  /** Fill the hole from smaller and smaller pictures of what is around it. */
  #erase(image: Layer, hole: Layer): void {
    const known = this.#copy(image);
    cover(known, hole, "destination-out");
    const levels = [known];
    for (let level = known; Math.max(level.canvas.width, level.canvas.height) > 1; ) {
      const { width, height } = level.canvas;
      const below = newLayer({ width: Math.ceil(width / 2), height: Math.ceil(height / 2) });
      below.drawImage(level.canvas, 0, 0, below.canvas.width, below.canvas.height);
      level = saturated(below);
      levels.push(level);
    }
    const filled = this.#layer();
    for (const level of levels.reverse()) filled.drawImage(level.canvas, 0, 0, this.#size.width, this.#size.height);
    cover(image, this.#shaped(filled, hole), "source-atop");
  }

  #follow(image: Layer, effect: Of<"follow">, box: Bounds): void {
    const text = this.#assets.text(effect);
    const { x, y } = textPlace(box, effect.place, text, this.#full);
    const scale = this.#scale;
    image.drawImage(text, x * scale, y * scale, text.width * scale, text.height * scale);
  }

  #course(effect: Of<"gradient">, masks: readonly Mask[]): Layer {
    const boxes = masks.map(bounds).filter((box) => box !== null);
    const whole = effect.target === "background";
    const scale = this.#scale;
    const x0 = whole ? 0 : Math.min(...boxes.map((box) => box.x0)) * scale;
    const y0 = whole ? 0 : Math.min(...boxes.map((box) => box.y0)) * scale;
    const x1 = whole ? this.#size.width : Math.max(...boxes.map((box) => box.x1)) * scale;
    const y1 = whole ? this.#size.height : Math.max(...boxes.map((box) => box.y1)) * scale;
    const angle = (effect.angle * Math.PI) / 180;
    const [across, down] = [Math.cos(angle), Math.sin(angle)];
    const half = (Math.abs(across) * (x1 - x0) + Math.abs(down) * (y1 - y0)) / 2;
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const layer = this.#layer();
    const course = layer.createLinearGradient(x - across * half, y - down * half, x + across * half, y + down * half);
    course.addColorStop(0, effect.start);
    course.addColorStop(1, effect.end);
    layer.fillStyle = course;
    layer.fillRect(0, 0, this.#size.width, this.#size.height);
    return layer;
  }

  #backdrop(effect: Of<"replace">): Layer {
    const layer = fill(this.#layer(true), effect.colour);
    const picture = effect.picture === null ? null : this.#assets.picture(effect.picture);
    if (picture !== null) {
      const { width, height } = this.#size;
      const scale = Math.max(width / picture.naturalWidth, height / picture.naturalHeight);
      const [w, h] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
      layer.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
    }
    return layer;
  }

  #mask(masks: readonly Mask[], background: boolean): Layer {
    const layer = this.#layer(background);
    if (background) layer.globalCompositeOperation = "destination-out";
    const scale = this.#scale;
    for (const mask of masks) {
      const box = bounds(mask);
      if (box === null) continue;
      const { x0, y0, x1, y1 } = box;
      layer.drawImage(paint(mask, box), x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale);
    }
    layer.globalCompositeOperation = "source-over";
    return layer;
  }

  #soften(hard: Layer, feather: number): Layer {
    if (feather === 0) return hard;
    const soft = this.#layer();
    soft.filter = `blur(${(feather / 2) * this.#scale}px)`;
    soft.drawImage(hard.canvas, 0, 0);
    return soft;
  }

  /** The mask and what is within so many full-size pixels of it. */
  #grown(hard: Layer, pixels: number): Layer {
    const reach = pixels * this.#scale;
    const grown = this.#copy(hard);
    for (let i = 0; i < OUTLINE_STEPS; i++) {
      const angle = (2 * Math.PI * i) / OUTLINE_STEPS;
      grown.drawImage(hard.canvas, reach * Math.cos(angle), reach * Math.sin(angle));
    }
    return grown;
  }

  #shaped(layer: Layer, mask: Layer): Layer {
    const copy = this.#copy(layer);
    cover(copy, mask, "destination-in");
    return copy;
  }

  #copy(layer: Layer): Layer {
    const copy = this.#layer();
    copy.drawImage(layer.canvas, 0, 0);
    return copy;
  }

  #layer(filled = false): Layer {
    const layer = newLayer(this.#size);
    if (filled) layer.fillRect(0, 0, this.#size.width, this.#size.height);
    return layer;
  }
}

function newLayer({ width, height }: Size): Layer {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser can't draw on a canvas");
  return context;
}

function cover(below: Layer, layer: Layer, how: GlobalCompositeOperation, alpha = 1): void {
  below.globalCompositeOperation = how;
  below.globalAlpha = alpha;
  below.drawImage(layer.canvas, 0, 0);
  below.globalCompositeOperation = "source-over";
  below.globalAlpha = 1;
}

/** The layer's shape in one colour. */
function fill(layer: Layer, colour: string): Layer {
  layer.globalCompositeOperation = "source-in";
  layer.fillStyle = colour;
  layer.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
  layer.globalCompositeOperation = "source-over";
  return layer;
}

function saturated(layer: Layer): Layer {
  layer.filter = "none";
  for (let i = 0; i < SATURATIONS; i++) layer.drawImage(layer.canvas, 0, 0);
  return layer;
}

/** A mask's box as an opaque shape. */
function paint(mask: Mask, box: Bounds): HTMLCanvasElement {
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0];
  const layer = newLayer({ width, height });
  const pixels = crop(mask, box);
  const image = new ImageData(width, height);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) image.data[(y * width + x) * 4 + 3] = pixels[x * height + y] ?? 0;
  }
  layer.putImageData(image, 0, 0);
  return layer.canvas;
}
