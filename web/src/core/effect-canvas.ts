/** Effects on a 2D canvas, where there is no WebGL2: composed of whole layers, near to what the export draws. */
import { CanvasLayer, CanvasPool } from "./canvas-layer";
import { shapeOf } from "./contours";
import type { EffectAssets } from "./effect-assets";
import { type Effect, textPlace } from "./effects";
import type { EffectLook } from "./painter";
import { type Bounds, bounds, type Mask } from "./rle";
import type { Size } from "./view";

type Of<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;

/** A mask with something in it. */
interface Shown {
  readonly shape: Path2D;
  readonly box: Bounds;
}

const OUTLINE_STEPS = 32;
/** How often a layer is drawn over itself, so that what is nearly transparent becomes opaque in its own colour. */
const SATURATIONS = 6;
/** Where a feathered edge has faded out, as a share of the feather: three standard deviations of half of it. */
const FADED = 1.5;
/** The largest standard deviation that is blurred by, in pixels: more is a picture made smaller before. */
const LARGEST_SIGMA = 3;

export class CanvasEffects {
  readonly #assets: EffectAssets;
  readonly #pool = new CanvasPool();
  #full: Size = { width: 1, height: 1 };
  #image = new CanvasLayer({ x0: 0, y0: 0, x1: 1, y1: 1 });
  /** What an effect draws on: as much of the picture as it can change. */
  #box: Bounds = this.#image.box;

  constructor(assets: EffectAssets) {
    this.#assets = assets;
  }

  /** A new canvas: the picture, of any size, with effects whose lengths are pixels of the full-size frame. */
  draw(picture: HTMLCanvasElement, full: Size, looks: readonly EffectLook[]): HTMLCanvasElement {
    this.#full = full;
    this.#image = new CanvasLayer({ x0: 0, y0: 0, x1: picture.width, y1: picture.height });
    this.#image.context.drawImage(picture, 0, 0);
    for (const look of looks) {
      this.#apply(look);
      this.#pool.release();
    }
    this.#pool.trim();
    return this.#image.canvas;
  }

  #layer(box = this.#box, shrink = 1): CanvasLayer {
    return new CanvasLayer(box, shrink, this.#pool);
  }

  get #scale(): number {
    return this.#image.canvas.height / this.#full.height;
  }

  #apply({ effect, masks, background, boxes }: EffectLook): void {
    if (effect.kind === "follow") {
      for (const box of boxes) this.#follow(effect, box);
      return;
    }
    const there = masks.flatMap(shown);
    if (!background && there.length === 0 && effect.kind !== "cut-out") return;
    const whole = this.#image.box;
    switch (effect.kind) {
      case "erase": {
        // The fill comes from near the hole.
        this.#box = background ? whole : this.#around(there, effect.grow, 0.5);
        this.#erase(this.#grown(there, background, effect.grow));
        return;
      }
      case "outline": {
        this.#box = background ? whole : this.#around(there, effect.width);
        const line = this.#grown(there, background, effect.width);
        line.cover(this.#mask(there, background, 0), "destination-out");
        this.#image.cover(line.tint(effect.colour));
        return;
      }
      default: {
        const isOutside = background || effect.kind === "cut-out" || effect.kind === "spotlight";
        this.#box = isOutside ? whole : this.#around(there, FADED * effect.feather);
        this.#within(effect, this.#mask(there, background, effect.feather), there);
      }
    }
  }

  #within(
    effect: Exclude<Effect, Of<"follow" | "erase" | "outline">>,
    mask: CanvasLayer,
    masks: readonly Shown[],
  ): void {
    const image = this.#image;
    switch (effect.kind) {
      case "cut-out":
        image.cover(mask, "destination-in");
        return;
      case "spotlight": {
        const shade = this.#layer().flood("#000000").cover(mask, "destination-out");
        image.cover(shade, "source-atop", effect.darkness);
        return;
      }
      case "replace":
        image.cover(this.#backdrop(effect).cover(mask, "destination-in"));
        return;
      case "overlay":
        image.cover(this.#layer().cover(mask).tint(effect.colour), "source-atop", effect.opacity);
        return;
      case "gradient":
        image.cover(this.#course(effect, masks).cover(mask, "destination-in"), "source-atop", effect.opacity);
        return;
      case "desaturate": {
        const grey = this.#layer().filtered(image, "grayscale(1)").cover(mask, "destination-in");
        image.cover(grey, "source-atop", effect.amount);
        return;
      }
      case "blur": {
        const sigma = effect.radius * this.#scale;
        const small = this.#layer(this.#box, 2 ** Math.max(0, Math.ceil(Math.log2(sigma / LARGEST_SIGMA))));
        small.cover(image).cover(mask, "destination-in");
        const soft = this.#layer(this.#box, small.shrink).filtered(small, `blur(${sigma / small.shrink}px)`);
        const large = this.#layer().cover(saturated(soft)).cover(mask, "destination-in");
        image.cover(large, "source-atop");
        return;
      }
      case "pixelate": {
        const cell = Math.max(1, Math.round(effect.size * this.#scale));
        const small = this.#layer(inCells(this.#box, cell), cell);
        small.context.imageSmoothingQuality = "high";
        small.cover(this.#layer().cover(image).cover(mask, "destination-in"));
        const large = this.#layer();
        large.context.imageSmoothingEnabled = false;
        large.cover(saturated(small)).cover(mask, "destination-in");
        image.cover(large, "source-atop");
      }
    }
  }

  /** Fill the hole from smaller and smaller pictures of what is around it. */
  #erase(hole: CanvasLayer): void {
    // Of what is left at a soft edge hardly the colour is known.
    saturated(hole);
    const known = this.#layer().cover(this.#image).cover(hole, "destination-out");
    const levels = [known];
    for (let level = known; Math.max(level.canvas.width, level.canvas.height) > 1; ) {
      level = saturated(this.#layer(this.#box, level.shrink * 2).cover(level));
      levels.push(level);
    }
    let filled = levels.pop() ?? known;
    for (const level of levels.reverse()) filled = level.cover(filled, "destination-over");
    this.#image.cover(filled.cover(hole, "destination-in"), "source-atop");
  }

  #follow(effect: Of<"follow">, box: Bounds): void {
    const text = this.#assets.text(effect);
    const { x, y } = textPlace(box, effect.place, text, this.#full);
    const scale = this.#scale;
    this.#image.context.drawImage(text, x * scale, y * scale, text.width * scale, text.height * scale);
  }

  #course(effect: Of<"gradient">, masks: readonly Shown[]): CanvasLayer {
    const { x0, y0, x1, y1 } = effect.target === "background" ? this.#image.box : this.#scaled(hull(masks));
    const angle = (effect.angle * Math.PI) / 180;
    const [across, down] = [Math.cos(angle), Math.sin(angle)];
    const half = (Math.abs(across) * (x1 - x0) + Math.abs(down) * (y1 - y0)) / 2;
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const layer = this.#layer();
    const course = layer.context.createLinearGradient(
      x - across * half,
      y - down * half,
      x + across * half,
      y + down * half,
    );
    course.addColorStop(0, effect.start);
    course.addColorStop(1, effect.end);
    return layer.flood(course);
  }

  #backdrop(effect: Of<"replace">): CanvasLayer {
    const layer = this.#layer().flood(effect.colour);
    const picture = effect.picture === null ? null : this.#assets.picture(effect.picture);
    if (picture !== null) {
      const { width, height } = this.#image.canvas;
      const scale = Math.max(width / picture.naturalWidth, height / picture.naturalHeight);
      const [w, h] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
      layer.context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
    }
    return layer;
  }

  /** The masks, or what they leave, with edges that fade out over so many full-size pixels. */
  #mask(masks: readonly Shown[], background: boolean, feather: number): CanvasLayer {
    const there = this.#layer(masks.length > 0 ? this.#around(masks, FADED * feather) : this.#box);
    there.drawIn(this.#scale, (context) => {
      for (const { shape } of masks) context.fill(shape, "evenodd");
    });
    const soft =
      feather === 0 ? there : this.#layer(there.box).filtered(there, `blur(${(feather / 2) * this.#scale}px)`);
    const layer = this.#layer();
    return background ? layer.flood("#000000").cover(soft, "destination-out") : layer.cover(soft);
  }

  /** The masks, or what they leave, and what is within so many full-size pixels of that. */
  #grown(masks: readonly Shown[], background: boolean, pixels: number): CanvasLayer {
    const grown = this.#mask(masks, background, 0);
    if (pixels === 0) return grown;
    if (!background) {
      return grown.drawIn(this.#scale, (context) => {
        context.lineWidth = 2 * pixels;
        context.lineJoin = "round";
        for (const { shape } of masks) context.stroke(shape);
      });
    }
    // Where masks touch, or end with the picture, a line along them would be drawn in their midst.
    const { canvas, box } = this.#layer().cover(grown);
    const reach = pixels * this.#scale;
    for (let i = 0; i < OUTLINE_STEPS; i++) {
      const angle = (2 * Math.PI * i) / OUTLINE_STEPS;
      grown.context.drawImage(canvas, box.x0 + reach * Math.cos(angle), box.y0 + reach * Math.sin(angle));
    }
    return grown;
  }

  /** Pixels of the picture from pixels of the full-size frame. */
  #scaled({ x0, y0, x1, y1 }: Bounds): Bounds {
    const scale = this.#scale;
    return { x0: x0 * scale, y0: y0 * scale, x1: x1 * scale, y1: y1 * scale };
  }

  /** The picture around masks, so many full-size pixels and a share of their size beyond them. */
  #around(masks: readonly Shown[], pixels: number, share = 0): Bounds {
    const { x0, y0, x1, y1 } = this.#scaled(hull(masks));
    const beyond = 1 + pixels * this.#scale + share * Math.max(x1 - x0, y1 - y0);
    const { width, height } = this.#image.canvas;
    return {
      x0: Math.max(0, Math.floor(x0 - beyond)),
      y0: Math.max(0, Math.floor(y0 - beyond)),
      x1: Math.min(width, Math.ceil(x1 + beyond)),
      y1: Math.min(height, Math.ceil(y1 + beyond)),
    };
  }
}

function shown(mask: Mask): Shown[] {
  const [shape, box] = [shapeOf(mask), bounds(mask)];
  return shape === null || box === null ? [] : [{ shape, box }];
}

function hull(masks: readonly Shown[]): Bounds {
  return {
    x0: Math.min(...masks.map(({ box }) => box.x0)),
    y0: Math.min(...masks.map(({ box }) => box.y0)),
    x1: Math.max(...masks.map(({ box }) => box.x1)),
    y1: Math.max(...masks.map(({ box }) => box.y1)),
  };
}

/** The box and what completes its outer cells. */
function inCells({ x0, y0, x1, y1 }: Bounds, cell: number): Bounds {
  return {
    x0: Math.floor(x0 / cell) * cell,
    y0: Math.floor(y0 / cell) * cell,
    x1: Math.ceil(x1 / cell) * cell,
    y1: Math.ceil(y1 / cell) * cell,
  };
}

function saturated(layer: CanvasLayer): CanvasLayer {
  for (let i = 0; i < SATURATIONS; i++) layer.cover(layer);
  return layer;
}
