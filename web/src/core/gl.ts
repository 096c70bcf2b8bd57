/** Programs, uniforms and textures to draw into, for WebGL2. */
import { EVERYWHERE } from "./effect-shaders";

/** Names of renderers that imitate a graphics card: SwiftShader, Mesa's, and Windows' (WARP). */
const IMITATIONS = /swiftshader|llvmpipe|softpipe|software|basic render/i;

let isImitated: boolean | null = null;

/**
 * Whether there is no WebGL2 but one that the processor imitates, which takes many times as long as drawing with it.
 * (`failIfMajorPerformanceCaveat` is meant for this question, but chromium grants a context of SwiftShader all the same.)
 */
export function isDrawnByProcessor(): boolean {
  if (isImitated !== null) return isImitated;
  const gl = document.createElement("canvas").getContext("webgl2");
  const info = gl?.getExtension("WEBGL_debug_renderer_info");
  isImitated = gl == null || IMITATIONS.test(String(gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER)));
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return isImitated;
}

export interface Program<Name extends string> {
  readonly program: WebGLProgram;
  readonly uniforms: Readonly<Record<Name, WebGLUniformLocation | null>>;
}

/** Throws Error where the program can't be made. */
export function makeProgram<Name extends string>(
  gl: WebGL2RenderingContext,
  vertex: string,
  fragment: string,
  names: readonly Name[],
): Program<Name> {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertex],
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
    throw new Error(`a program of the stage can't be linked: ${gl.getProgramInfoLog(program)}`);
  }
  const uniforms = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
  return { program, uniforms: uniforms as Program<Name>["uniforms"] };
}

export function clampEdges(gl: WebGL2RenderingContext): void {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/** A texture that is drawn into. */
export interface Target {
  readonly texture: WebGLTexture;
  readonly framebuffer: WebGLFramebuffer;
  readonly width: number;
  readonly height: number;
}

export function makeTarget(gl: WebGL2RenderingContext, width: number, height: number): Target {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  clampEdges(gl);
  const framebuffer = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  return { texture, framebuffer, width, height };
}

export function deleteTarget(gl: WebGL2RenderingContext, target: Target): void {
  gl.deleteTexture(target.texture);
  gl.deleteFramebuffer(target.framebuffer);
}

/** A sampler's texture, or numbers. */
export type Value = WebGLTexture | number | boolean | readonly number[];

interface Known {
  readonly program: WebGLProgram;
  readonly uniforms: readonly { readonly name: string; readonly type: number; readonly place: WebGLUniformLocation }[];
}

/** Runs programs over targets; each is made when it is first needed, and its uniforms are found by their names. */
export class Passes {
  readonly #gl: WebGL2RenderingContext;
  readonly #known = new Map<string, Known>();

  constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
  }

  /** Draw into the whole target, or with another vertex program and four corners into a part of it. */
  run(fragment: string, target: Target, values: Readonly<Record<string, Value>>, vertex = EVERYWHERE): void {
    const gl = this.#gl;
    const { program, uniforms } = this.#program(vertex, fragment);
    gl.useProgram(program);
    let unit = 0;
    for (const { name, type, place } of uniforms) {
      const value = values[name];
      if (value === undefined) throw new Error(`a pass lacks ${name}`);
      if (type === gl.SAMPLER_2D) {
        gl.activeTexture(gl.TEXTURE0 + unit);
        gl.bindTexture(gl.TEXTURE_2D, value as WebGLTexture);
        gl.uniform1i(place, unit++);
      } else this.#set(type, place, Array.isArray(value) ? value : [Number(value)]);
    }
    gl.activeTexture(gl.TEXTURE0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.framebuffer);
    gl.viewport(0, 0, target.width, target.height);
    if (vertex === EVERYWHERE) gl.drawArrays(gl.TRIANGLES, 0, 3);
    else gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  dispose(): void {
    for (const { program } of this.#known.values()) this.#gl.deleteProgram(program);
    this.#known.clear();
  }

  #set(type: number, place: WebGLUniformLocation, value: readonly number[]): void {
    const gl = this.#gl;
    if (type === gl.FLOAT) gl.uniform1fv(place, value);
    else if (type === gl.FLOAT_VEC2) gl.uniform2fv(place, value);
    else if (type === gl.FLOAT_VEC3) gl.uniform3fv(place, value);
    else if (type === gl.FLOAT_VEC4) gl.uniform4fv(place, value);
    else if (type === gl.INT_VEC2) gl.uniform2iv(place, value);
    else gl.uniform1iv(place, value);
  }

  #program(vertex: string, fragment: string): Known {
    const known = this.#known.get(fragment);
    if (known !== undefined) return known;
    const gl = this.#gl;
    const { program } = makeProgram(gl, vertex, fragment, []);
    const count: number = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
    const uniforms = Array.from({ length: count }, (_, i) => gl.getActiveUniform(program, i)).flatMap((info) => {
      const place = info === null ? null : gl.getUniformLocation(program, info.name);
      return info === null || place === null ? [] : [{ name: info.name, type: info.type, place }];
    });
    const made = { program, uniforms };
    this.#known.set(fragment, made);
    return made;
  }
}
