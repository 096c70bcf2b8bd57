/** The mask layer on WebGL2: one texture a mask, its area and outline made in the fragment shader. */
import { type MaskLook, type Painter, padded, type Scene } from "./painter";
import { type Bounds, crop, type Mask } from "./rle";

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
in vec2 at;
out vec4 colour;
void main() { colour = vec4(texture(picture, at / box.zw).rgb, 1.0); }`;

const MASK_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D mask;
uniform vec4 box;
uniform vec3 tint;
uniform float fill;
uniform float line;
uniform float dash;
in vec2 at;
out vec4 colour;
const vec2 AROUND[8] = vec2[8](
  vec2(1.0, 0.0), vec2(0.0, 1.0), vec2(-1.0, 0.0), vec2(0.0, -1.0),
  vec2(0.7071, 0.7071), vec2(-0.7071, 0.7071), vec2(-0.7071, -0.7071), vec2(0.7071, -0.7071)
);
// The texture holds columns as rows: both axes swapped.
float inside(vec2 p) { return texture(mask, ((p - box.xy) / (box.zw - box.xy)).yx).r; }
void main() {
  float here = inside(at);
  float soft = max(fwidth(here), 0.001);
  float area = smoothstep(0.5 - soft, 0.5 + soft, here);
  if (area <= 0.0) discard;
  float stroke = 0.0;
  if (line > 0.0 && (dash <= 0.0 || mod(gl_FragCoord.x + gl_FragCoord.y, dash * 2.0) <= dash)) {
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

interface MaskTexture {
  readonly texture: WebGLTexture;
  readonly box: Bounds;
  used: number;
}

type Uniforms<Name extends string> = Readonly<Record<Name, WebGLUniformLocation | null>>;

export class WebGlPainter implements Painter {
  readonly #gl: WebGL2RenderingContext;
  readonly #pictureProgram: WebGLProgram;
  readonly #maskProgram: WebGLProgram;
  readonly #pictureUniforms: Uniforms<"box" | "view" | "stage">;
  readonly #maskUniforms: Uniforms<"box" | "view" | "stage" | "tint" | "fill" | "line" | "dash">;
  readonly #picture: WebGLTexture;
  readonly #masks = new Map<Mask, MaskTexture | null>();
  #hasPicture = false;
  #draws = 0;

  /** Throws Error where the programs can't be made. */
  constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
    this.#pictureProgram = makeProgram(gl, PICTURE_FRAGMENT);
    this.#maskProgram = makeProgram(gl, MASK_FRAGMENT);
    this.#pictureUniforms = locate(gl, this.#pictureProgram, ["box", "view", "stage"]);
    this.#maskUniforms = locate(gl, this.#maskProgram, ["box", "view", "stage", "tint", "fill", "line", "dash"]);
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
    this.#hasPicture = true;
  }

  draw(scene: Scene): void {
    const gl = this.#gl;
    this.#draws++;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.#hasPicture) return;
    const filter = scene.view.scale >= SQUARE_PIXELS_FROM ? gl.NEAREST : gl.LINEAR;
    gl.useProgram(this.#pictureProgram);
    this.#place(this.#pictureUniforms, scene, 0, 0, scene.picture.width, scene.picture.height);
    gl.bindTexture(gl.TEXTURE_2D, this.#picture);
    this.#drawBox(filter);
    gl.useProgram(this.#maskProgram);
    for (const look of scene.masks) this.#drawMask(look, scene, filter);
    this.#forgetUnused();
  }

  dispose(): void {
    const gl = this.#gl;
    for (const held of this.#masks.values()) if (held !== null) gl.deleteTexture(held.texture);
    this.#masks.clear();
    gl.deleteTexture(this.#picture);
    gl.deleteProgram(this.#pictureProgram);
    gl.deleteProgram(this.#maskProgram);
  }

  #drawMask(look: MaskLook, scene: Scene, filter: number): void {
    const gl = this.#gl;
    const held = this.#texture(look.mask);
    if (held === null) return;
    held.used = this.#draws;
    const uniforms = this.#maskUniforms;
    const { x0, y0, x1, y1 } = held.box;
    this.#place(uniforms, scene, x0, y0, x1, y1);
    gl.uniform3f(uniforms.tint, look.colour[0] / 255, look.colour[1] / 255, look.colour[2] / 255);
    gl.uniform1f(uniforms.fill, look.fill);
    gl.uniform1f(uniforms.line, look.line / scene.view.scale);
    gl.uniform1f(uniforms.dash, look.dashed ? DASH_CSS_PIXELS * scene.density : 0);
    gl.bindTexture(gl.TEXTURE_2D, held.texture);
    this.#drawBox(filter);
  }

  #place(uniforms: Uniforms<"box" | "view" | "stage">, scene: Scene, ...box: [number, number, number, number]): void {
    const gl = this.#gl;
    gl.uniform4f(uniforms.box, ...box);
    gl.uniform3f(uniforms.view, scene.view.x, scene.view.y, scene.view.scale);
    gl.uniform2f(uniforms.stage, scene.stage.width, scene.stage.height);
  }

  #drawBox(filter: number): void {
    const gl = this.#gl;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, filter);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  #texture(mask: Mask): MaskTexture | null {
    const known = this.#masks.get(mask);
    if (known !== undefined) return known;
    const box = padded(mask);
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

function clampEdges(gl: WebGL2RenderingContext): void {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

function makeProgram(gl: WebGL2RenderingContext, fragment: string): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(type);
    if (shader === null) throw new Error("the graphics context is lost");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (gl.getProgramParameter(program, gl.LINK_STATUS) !== true) {
    throw new Error(`the mask layer's program can't be linked: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}

function locate<Name extends string>(gl: WebGL2RenderingContext, program: WebGLProgram, names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)])) as Uniforms<Name>;
}
