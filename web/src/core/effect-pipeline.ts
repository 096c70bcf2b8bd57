/**
 * Effects on WebGL2, as passes over textures of the picture's size. They follow src/masklet/export/effect_looks.py; where
 * the picture is a reduced one, lengths are reduced with it.
 */
import type { EffectAssets } from "./effect-assets";
import {
  BLUR,
  CUT_OUT,
  DESATURATE,
  DISTANCE,
  GATHER,
  GRADIENT,
  GROW,
  MASK_FRAGMENT,
  MASK_VERTEX,
  MIX_SMALL,
  OUTLINE,
  PULL,
  REPLACE,
  SOFTEN,
  SPOTLIGHT,
  TEXT,
  TINT,
} from "./effect-shaders";
import { type Effect, textPlace } from "./effects";
import { clampEdges, deleteTarget, makeTarget, Passes, type Target, type Value } from "./gl";
import { type EffectLook, parseColour } from "./painter";
import { type Bounds, bounds, type Mask } from "./rle";
import type { Size } from "./view";

type Held = { readonly texture: WebGLTexture; readonly box: Bounds } | null;
type Of<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;

/** A stronger blur is made on a smaller picture, where it is at most this strong. */
const LARGEST_SIGMA = 8;
const MOST_UPLOADS = 16;
/** Kept for the next picture; more of them are of sizes that were given up. */
const MOST_TARGETS = 48;

export class EffectPipeline {
  readonly #gl: WebGL2RenderingContext;
  readonly #assets: EffectAssets;
  readonly #maskTexture: (mask: Mask) => Held;
  readonly #passes: Passes;
  readonly #uploads = new Map<TexImageSource, WebGLTexture>();
  #free: Target[] = [];
  #used: Target[] = [];
  #size: Size = { width: 1, height: 1 };
  #full: Size = { width: 1, height: 1 };
  #image: WebGLTexture | null = null;

  /** @param maskTexture a mask's pixels within a box, columns as rows */
  constructor(gl: WebGL2RenderingContext, assets: EffectAssets, maskTexture: (mask: Mask) => Held) {
    this.#gl = gl;
    this.#assets = assets;
    this.#maskTexture = maskTexture;
    this.#passes = new Passes(gl);
  }

  /**
   * The picture with effects as a texture, which holds until the next call.
   * @param size of the picture's texture
   * @param full of the full-size frame, in which masks and lengths are given
   */
  draw(picture: WebGLTexture, size: Size, full: Size, looks: readonly EffectLook[]): WebGLTexture {
    const gl = this.#gl;
    gl.disable(gl.BLEND);
    gl.bindTexture(gl.TEXTURE_2D, picture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    this.#free.push(...this.#used);
    this.#used = [];
    if (size.width !== this.#size.width || size.height !== this.#size.height || this.#free.length > MOST_TARGETS) {
      for (const target of this.#free) deleteTarget(gl, target);
      this.#free = [];
    }
    this.#size = size;
    this.#full = full;
    this.#image = picture;
    for (const look of looks) this.#apply(look);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.enable(gl.BLEND);
    return this.#image;
  }

  dispose(): void {
    for (const target of [...this.#free, ...this.#used]) deleteTarget(this.#gl, target);
    for (const texture of this.#uploads.values()) this.#gl.deleteTexture(texture);
    this.#passes.dispose();
  }

  /** Full-size pixels as pixels of the texture. */
  get #scale(): number {
    return this.#size.height / this.#full.height;
  }

  #apply(look: EffectLook): void {
    const { effect, masks, background } = look;
    if (effect.kind === "follow") {
      for (const box of look.boxes) this.#follow(effect, box);
      return;
    }
    const there = masks.filter((mask) => bounds(mask) !== null);
    // An object that is not there leaves the picture, but for a cut-out.
    if (!background && there.length === 0 && effect.kind !== "cut-out") return;
    const before = this.#used.length;
    const hard = this.#drawMasks(there, background);
    switch (effect.kind) {
      case "erase":
        this.#erase(effect, hard);
        break;
      case "outline": {
        const radius = Math.ceil(effect.width * this.#scale) + 1;
        const rows = this.#run(DISTANCE, { mask: hard.texture, radius });
        this.#paint(OUTLINE, hard, {
          rows: rows.texture,
          radius,
          width: effect.width * this.#scale,
          paint: unit(effect.colour),
        });
        break;
      }
      default:
        this.#within(effect, this.#soften(hard, effect.feather), look);
    }
    this.#giveBack(before);
  }

  #within(effect: Exclude<Effect, Of<"follow" | "erase" | "outline">>, mask: Target, look: EffectLook): void {
    switch (effect.kind) {
      case "blur": {
        const sigma = effect.radius * this.#scale;
        const cell = 2 ** Math.max(0, Math.ceil(Math.log2(sigma / LARGEST_SIGMA)));
        const small = this.#gather(mask, cell);
        const blurred = this.#twice(BLUR, { image: small.texture }, "image", sigma / cell, 3 * (sigma / cell), small);
        this.#paint(MIX_SMALL, mask, { small: blurred.texture, cell, squares: false });
        break;
      }
      case "pixelate": {
        const cell = Math.max(1, Math.round(effect.size * this.#scale));
        this.#paint(MIX_SMALL, mask, { small: this.#gather(mask, cell).texture, cell, squares: true });
        break;
      }
      case "desaturate":
        this.#paint(DESATURATE, mask, { amount: effect.amount });
        break;
      case "gradient":
        this.#paint(GRADIENT, mask, this.#course(effect, look));
        break;
      case "spotlight":
        this.#paint(SPOTLIGHT, mask, { amount: effect.darkness });
        break;
      case "overlay":
        this.#paint(TINT, mask, { paint: unit(effect.colour), amount: effect.opacity });
        break;
      case "cut-out":
        this.#paint(CUT_OUT, mask, {});
        break;
      case "replace": {
        const picture = effect.picture === null ? null : this.#assets.picture(effect.picture);
        const backdrop = picture === null ? mask.texture : this.#upload(picture);
        this.#paint(REPLACE, mask, { paint: unit(effect.colour), backdrop, pictured: picture !== null });
        break;
      }
    }
  }

  #erase(effect: Of<"erase">, hard: Target): void {
    const radius = Math.round(effect.grow * this.#scale);
    const rows = this.#run(DISTANCE, { mask: hard.texture, radius });
    const hole = this.#run(GROW, { rows: rows.texture, radius });
    let level = this.#run(GATHER, {
      image: this.#current,
      mask: hole.texture,
      cell: 1,
      gain: 1,
      own: false,
      inverse: true,
    });
    const levels = [level];
    while (Math.max(level.width, level.height) > 1) {
      level = this.#run(
        GATHER,
        { image: level.texture, mask: hole.texture, cell: 2, gain: 4, own: true, inverse: false },
        { width: Math.ceil(level.width / 2), height: Math.ceil(level.height / 2) },
      );
      levels.push(level);
    }
    let filled = levels.pop() ?? level;
    for (const upper of levels.reverse()) {
      filled = this.#run(PULL, { image: upper.texture, below: filled.texture }, upper);
    }
    this.#paint(MIX_SMALL, hole, { small: filled.texture, cell: 1, squares: true });
  }

  #follow(effect: Of<"follow">, box: Bounds): void {
    const text = this.#assets.text(effect);
    const { x, y } = textPlace(box, effect.place, text, this.#full);
    const scale = this.#scale;
    const result = this.#run(TEXT, {
      image: this.#current,
      text: this.#upload(text),
      place: [x * scale, y * scale],
      extent: [text.width * scale, text.height * scale],
    });
    this.#image = result.texture;
  }

  #course(effect: Of<"gradient">, { masks, background }: EffectLook): Record<string, Value> {
    const box = background ? { x0: 0, y0: 0, x1: this.#full.width, y1: this.#full.height } : around(masks);
    const scale = this.#scale;
    const angle = (effect.angle * Math.PI) / 180;
    const [across, down] = [Math.cos(angle), Math.sin(angle)];
    return {
      start: unit(effect.start),
      end: unit(effect.end),
      middle: [((box.x0 + box.x1) / 2) * scale, ((box.y0 + box.y1) / 2) * scale],
      direction: [across, down],
      extent: (Math.abs(across) * (box.x1 - box.x0) + Math.abs(down) * (box.y1 - box.y0)) * scale,
      amount: effect.opacity,
    };
  }

  /** 1 where any of the masks is, 0 elsewhere; for the background the other way round. */
  #drawMasks(masks: readonly Mask[], background: boolean): Target {
    const gl = this.#gl;
    const target = this.#target(this.#size);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.framebuffer);
    gl.clearColor(Number(background), 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    for (const mask of masks) {
      const held = this.#maskTexture(mask);
      if (held === null) continue;
      const { x0, y0, x1, y1 } = held.box;
      gl.bindTexture(gl.TEXTURE_2D, held.texture);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
      const values = { mask: held.texture, box: [x0, y0, x1, y1], full: [this.#full.width, this.#full.height] };
      this.#passes.run(MASK_FRAGMENT, target, { ...values, value: Number(!background) }, MASK_VERTEX);
    }
    return target;
  }

  #soften(hard: Target, feather: number): Target {
    if (feather === 0) return hard;
    const reach = feather * this.#scale;
    return this.#twice(SOFTEN, { mask: hard.texture }, "mask", reach / 2, reach, hard);
  }

  /** A separable filter: along the rows, then along the columns. */
  #twice(
    fragment: string,
    values: Readonly<Record<string, Value>>,
    name: string,
    sigma: number,
    reach: number,
    size: Size,
  ): Target {
    const common = { ...values, sigma, radius: Math.ceil(reach) };
    const once = this.#run(fragment, { ...common, along: [1, 0] }, size);
    return this.#run(fragment, { ...common, [name]: once.texture, along: [0, 1] }, size);
  }

  #gather(mask: Target, cell: number): Target {
    const size = { width: Math.ceil(this.#size.width / cell), height: Math.ceil(this.#size.height / cell) };
    const values = { image: this.#current, mask: mask.texture, cell, gain: 1, own: false, inverse: false };
    return this.#run(GATHER, values, size);
  }

  get #current(): WebGLTexture {
    if (this.#image === null) throw new Error("there is no picture");
    return this.#image;
  }

  /** The picture becomes what the program makes of it. */
  #paint(fragment: string, mask: Target, values: Readonly<Record<string, Value>>): void {
    this.#image = this.#run(fragment, { image: this.#current, mask: mask.texture, ...values }).texture;
  }

  #run(fragment: string, values: Readonly<Record<string, Value>>, size: Size = this.#size): Target {
    const target = this.#target(size);
    this.#passes.run(fragment, target, values);
    return target;
  }

  #target({ width, height }: Size): Target {
    const at = this.#free.findIndex((target) => target.width === width && target.height === height);
    const [found = makeTarget(this.#gl, width, height)] = at < 0 ? [] : this.#free.splice(at, 1);
    this.#used.push(found);
    return found;
  }

  /** All targets since `before` but the picture's own may be drawn over; so may an older picture. */
  #giveBack(before: number): void {
    const since = this.#used.splice(before);
    this.#free.push(...this.#used.filter((target) => target.texture !== this.#image));
    this.#used = since.filter((target) => target.texture === this.#image);
    this.#free.push(...since.filter((target) => target.texture !== this.#image));
  }

  #upload(source: HTMLCanvasElement | HTMLImageElement): WebGLTexture {
    const gl = this.#gl;
    const known = this.#uploads.get(source);
    if (known !== undefined) return known;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, source);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    clampEdges(gl);
    this.#uploads.set(source, texture);
    const [oldest] = this.#uploads;
    if (this.#uploads.size > MOST_UPLOADS && oldest !== undefined) {
      gl.deleteTexture(oldest[1]);
      this.#uploads.delete(oldest[0]);
    }
    return texture;
  }
}

function around(masks: readonly Mask[]): Bounds {
  const boxes = masks.map(bounds).filter((box) => box !== null);
  return {
    x0: Math.min(...boxes.map((box) => box.x0)),
    y0: Math.min(...boxes.map((box) => box.y0)),
    x1: Math.max(...boxes.map((box) => box.x1)),
    y1: Math.max(...boxes.map((box) => box.y1)),
  };
}

/** A colour as 0..1 each. */
function unit(colour: string): number[] {
  return parseColour(colour).map((value) => value / 255);
}
