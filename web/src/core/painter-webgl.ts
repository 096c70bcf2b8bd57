/** Picture and masks on WebGL2: one texture a mask, its area and outline made in the fragment shader. */
import { EffectAssets } from "./effect-assets";
import { EffectPipeline } from "./effect-pipeline";
import { clampEdges, makeProgram, type Program } from "./gl";
import { type EffectLook, type MaskLook, type Painter, padded, type Scene, sameEffects } from "./painter";
import { type Bounds, crop, type Mask } from "./rle";
import type { Size } from "./view";

const VERTEX = `#version 300 es
// A rectangle of the picture (pixels), moved to the stage by the view.
uniform vec4 box;
uniform vec3 view;
uniform vec2 stage;
out vec2 at;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  at = mix(box.xy, box.zw, corner);
  vec2 screen = (at * view.z + view.xy) / stage;
  gl_Position = vec4(screen.x * 2.0 - 1.0, 1.0 - screen.y * 2.0, 0.0, 1.0);
}`;

const PICTURE_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D picture;
uniform vec4 box;
uniform float square;
in vec2 at;
out vec4 colour;
void main() {
  vec4 here = texture(picture, at / box.zw);
  // What is transparent shows a chequered ground.
  float ground = mod(floor(gl_FragCoord.x / square) + floor(gl_FragCoord.y / square), 2.0) < 0.5 ? 0.4 : 0.6;
  colour = vec4(mix(vec3(ground), here.rgb, here.a), 1.0);
}`;

const MASK_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D mask;
uniform vec4 box;
uniform vec3 tint;
uniform float fill;
uniform float line;
uniform float level;
uniform float dash;
in vec2 at;
out vec4 colour;
const vec2 AROUND[8] = vec2[8](
  vec2(1.0, 0.0), vec2(0.0, 1.0), vec2(-1.0, 0.0), vec2(0.0, -1.0),
  vec2(0.7071, 0.7071), vec2(-0.7071, 0.7071), vec2(-0.7071, -0.7071), vec2(0.7071, -0.7071)
);
// The texture holds columns as rows: both axes swapped.
vec2 place(vec2 p) { return ((p - box.xy) / (box.zw - box.xy)).yx; }
float inside(vec2 p) { return textureLod(mask, place(p), 0.0).r; }
// Whether all is foreground as far as the line is wide, told by one look at the shrunk mask.
bool isDeep() { return level >= 0.0 && textureLod(mask, place(at), level).r > 0.999; }
void main() {
  float here = inside(at);
  float soft = max(fwidth(here), 0.001);
  float area = smoothstep(0.5 - soft, 0.5 + soft, here);
  if (area <= 0.0) discard;
  float stroke = 0.0;
  if (line > 0.0 && !isDeep() && (dash <= 0.0 || mod(gl_FragCoord.x + gl_FragCoord.y, dash * 2.0) <= dash)) {
    float edge = here;
    for (int i = 0; i < 8; i++) edge = min(edge, inside(at + line * AROUND[i]));
    stroke = edge < 0.5 ? 1.0 : 0.0;
  }
  float alpha = area * mix(fill, 1.0, stroke);
  colour = vec4(tint * alpha, alpha);
}`;

/** Above this zoom the pixels of picture and masks show as squares. */
const SQUARE_PIXELS_FROM = 3;
const DASH_CSS_PIXELS = 5;
/** Masks are also held shrunk 2, 4, .. 2^LEVELS times; their textures' sides are multiples of that. */
const LEVELS = 4;

interface MaskTexture {
  readonly texture: WebGLTexture;
  readonly box: Bounds;
  used: number;
}

type Place = Readonly<Record<"box" | "view" | "stage", WebGLUniformLocation | null>>;

const PLACE = ["box", "view", "stage"] as const;
const GROUND_CSS_PIXELS = 8;

export class WebGlPainter implements Painter {
  readonly #gl: WebGL2RenderingContext;
  readonly #pictureProgram: Program<"box" | "view" | "stage" | "square">;
  readonly #maskProgram: Program<"box" | "view" | "stage" | "tint" | "fill" | "line" | "level" | "dash">;
  readonly #picture: WebGLTexture;
  readonly #masks = new Map<Mask, MaskTexture | null>();
  readonly #pipeline: EffectPipeline;
  /** The picture with effects as it was drawn last; null where it has to be drawn again. */
  #drawnEffects: { readonly looks: readonly EffectLook[]; readonly result: WebGLTexture } | null = null;
  #pictureSize: Size = { width: 0, height: 0 };
  onReady: () => void = () => {};
  #draws = 0;

  /** Throws Error where the programs can't be made. */
  constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
    this.#pictureProgram = makeProgram(gl, VERTEX, PICTURE_FRAGMENT, [...PLACE, "square"]);
    this.#maskProgram = makeProgram(gl, VERTEX, MASK_FRAGMENT, [...PLACE, "tint", "fill", "line", "level", "dash"]);
    const assets = new EffectAssets(() => {
      this.#drawnEffects = null;
      this.onReady();
    });
    this.#pipeline = new EffectPipeline(gl, assets, (mask) => this.#texture(mask));
    this.#picture = gl.createTexture();
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  setPicture(picture: ImageBitmap): void {
    const gl = this.#gl;
    gl.bindTexture(gl.TEXTURE_2D, this.#picture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    clampEdges(gl);
    this.#pictureSize = { width: picture.width, height: picture.height };
    this.#drawnEffects = null;
  }

  draw(scene: Scene): void {
    const gl = this.#gl;
    this.#draws++;
    const shown = this.#pictureSize.width === 0 ? this.#picture : this.#withEffects(scene);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (this.#pictureSize.width === 0) return;
    const filter = scene.view.scale >= SQUARE_PIXELS_FROM ? gl.NEAREST : gl.LINEAR;
    gl.useProgram(this.#pictureProgram.program);
    gl.uniform1f(this.#pictureProgram.uniforms.square, GROUND_CSS_PIXELS * scene.density);
    this.#place(this.#pictureProgram.uniforms, scene, 0, 0, scene.picture.width, scene.picture.height);
    gl.bindTexture(gl.TEXTURE_2D, shown);
    this.#drawBox(gl.LINEAR, filter);
    gl.useProgram(this.#maskProgram.program);
    for (const look of scene.masks) this.#drawMask(look, scene, filter);
    this.#forgetUnused();
  }

  dispose(): void {
    const gl = this.#gl;
    for (const held of this.#masks.values()) if (held !== null) gl.deleteTexture(held.texture);
    this.#masks.clear();
    gl.deleteTexture(this.#picture);
    gl.deleteProgram(this.#pictureProgram.program);
    gl.deleteProgram(this.#maskProgram.program);
    this.#pipeline.dispose();
  }

  /** The picture's texture, or that of the picture with effects; drawn anew only where something has changed. */
  #withEffects({ effects, picture }: Scene): WebGLTexture {
    if (effects.length === 0) return this.#picture;
    // Their masks' textures stay while they are shown.
    for (const { masks } of effects) for (const mask of masks) this.#texture(mask);
    if (this.#drawnEffects === null || !sameEffects(this.#drawnEffects.looks, effects)) {
      const result = this.#pipeline.draw(this.#picture, this.#pictureSize, picture, effects);
      this.#drawnEffects = { looks: effects, result };
    }
    return this.#drawnEffects.result;
  }

  #drawMask(look: MaskLook, scene: Scene, filter: number): void {
    const gl = this.#gl;
    const held = this.#texture(look.mask);
    if (held === null) return;
    const { uniforms } = this.#maskProgram;
    const { x0, y0, x1, y1 } = held.box;
    this.#place(uniforms, scene, x0, y0, x1, y1);
    gl.uniform3f(uniforms.tint, look.colour[0] / 255, look.colour[1] / 255, look.colour[2] / 255);
    gl.uniform1f(uniforms.fill, look.fill);
    const line = look.line / scene.view.scale;
    gl.uniform1f(uniforms.line, line);
    gl.uniform1f(uniforms.level, levelOf(line));
    gl.uniform1f(uniforms.dash, look.dashed ? DASH_CSS_PIXELS * scene.density : 0);
    gl.bindTexture(gl.TEXTURE_2D, held.texture);
    this.#drawBox(gl.LINEAR_MIPMAP_NEAREST, filter);
  }

  #place(uniforms: Place, scene: Scene, ...box: [number, number, number, number]): void {
    const gl = this.#gl;
    gl.uniform4f(uniforms.box, ...box);
    gl.uniform3f(uniforms.view, scene.view.x, scene.view.y, scene.view.scale);
    gl.uniform2f(uniforms.stage, scene.stage.width, scene.stage.height);
  }

  #drawBox(shrunk: number, magnified: number): void {
    const gl = this.#gl;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, shrunk);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, magnified);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  #texture(mask: Mask): MaskTexture | null {
    const known = this.#masks.get(mask);
    if (known !== undefined) {
      if (known !== null) known.used = this.#draws;
      return known;
    }
    const bounds = padded(mask);
    const box = bounds === null ? null : wholeBlocks(bounds);
    const made = box === null ? null : { texture: this.#upload(mask, box), box, used: this.#draws };
    this.#masks.set(mask, made);
    return made;
  }

  #upload(mask: Mask, box: Bounds): WebGLTexture {
    const gl = this.#gl;
    const texture = gl.createTexture();
    const [rows, columns] = [box.x1 - box.x0, box.y1 - box.y0];
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, columns, rows, 0, gl.RED, gl.UNSIGNED_BYTE, crop(mask, box));
    gl.generateMipmap(gl.TEXTURE_2D);
    clampEdges(gl);
    return texture;
  }

  #forgetUnused(): void {
    for (const [mask, held] of this.#masks) {
      if (held?.used === this.#draws) continue;
      if (held !== null) this.#gl.deleteTexture(held.texture);
      this.#masks.delete(mask);
    }
  }
}

/** Bounds whose sides are multiples of 2^LEVELS, larger by background. */
function wholeBlocks({ x0, y0, x1, y1 }: Bounds): Bounds {
  const whole = (length: number) => Math.ceil(length / 2 ** LEVELS) * 2 ** LEVELS;
  return { x0, y0, x1: x0 + whole(x1 - x0), y1: y0 + whole(y1 - y0) };
}

/** The level at which one look sees at least `line` pixels of the mask to every side; -1 where none is coarse enough. */
function levelOf(line: number): number {
  const level = Math.max(1, Math.ceil(Math.log2(2 * line)));
  return level <= LEVELS ? level : -1;
}
