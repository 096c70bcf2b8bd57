/**
 * The programs that draw effects, one fragment at a time. Row 0 of every texture is the picture's top; colours are not
 * multiplied by their opacity.
 */

export const EVERYWHERE = `#version 300 es
void main() {
  vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

const HEAD = `#version 300 es
precision highp float;
precision highp int;
out vec4 colour;
`;

/** A mask's pixels, in a texture of the picture's size. */
export const MASK_VERTEX = `#version 300 es
uniform vec4 box;
uniform vec2 full;
out vec2 at;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  at = corner;
  gl_Position = vec4(mix(box.xy, box.zw, corner) / full * 2.0 - 1.0, 0.0, 1.0);
}`;
export const MASK_FRAGMENT = `${HEAD}
uniform sampler2D mask;
uniform float value;
in vec2 at;
void main() {
  // The texture holds columns as rows: both axes swapped.
  if (texture(mask, at.yx).r < 0.5) discard;
  colour = vec4(value);
}`;

/** One direction of a Gaussian over a mask; the edge's pixels go on beyond it. */
export const SOFTEN = `${HEAD}
uniform sampler2D mask;
uniform ivec2 along;
uniform int radius;
uniform float sigma;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  ivec2 last = textureSize(mask, 0) - 1;
  float sum = 0.0;
  float total = 0.0;
  for (int i = -radius; i <= radius; i++) {
    float weight = exp(-0.5 * float(i * i) / (sigma * sigma));
    sum += weight * texelFetch(mask, clamp(at + i * along, ivec2(0), last), 0).r;
    total += weight;
  }
  colour = vec4(sum / total);
}`;

/** Means of colours over square cells by weight; the mean weight itself, times a gain, becomes the opacity. */
export const GATHER = `${HEAD}
uniform sampler2D image;
uniform sampler2D mask;
uniform int cell;
uniform float gain;
uniform bool own;
uniform bool inverse;
void main() {
  ivec2 size = textureSize(image, 0);
  ivec2 first = ivec2(gl_FragCoord.xy) * cell;
  vec3 sum = vec3(0.0);
  float total = 0.0;
  for (int y = 0; y < cell; y++) {
    for (int x = 0; x < cell; x++) {
      ivec2 at = first + ivec2(x, y);
      if (at.x >= size.x || at.y >= size.y) continue;
      vec4 here = texelFetch(image, at, 0);
      float weight = own ? here.a : texelFetch(mask, at, 0).r;
      if (inverse) weight = 1.0 - weight;
      sum += weight * here.rgb;
      total += weight;
    }
  }
  float mean = min(1.0, gain * total / float(cell * cell));
  colour = vec4(sum / max(total, 1e-6), total > 0.0 ? max(mean, 1.0 / 255.0) : 0.0);
}`;

/** One direction of a Gaussian over colours by their opacity; beyond the edge there is nothing. */
export const BLUR = `${HEAD}
uniform sampler2D image;
uniform ivec2 along;
uniform int radius;
uniform float sigma;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  ivec2 size = textureSize(image, 0);
  vec3 sum = vec3(0.0);
  float alpha = 0.0;
  float total = 0.0;
  for (int i = -radius; i <= radius; i++) {
    float weight = exp(-0.5 * float(i * i) / (sigma * sigma));
    total += weight;
    ivec2 place = at + i * along;
    if (any(lessThan(place, ivec2(0))) || any(greaterThanEqual(place, size))) continue;
    vec4 here = texelFetch(image, place, 0);
    sum += weight * here.a * here.rgb;
    alpha += weight * here.a;
  }
  colour = vec4(sum / max(alpha, 1e-6), alpha > 0.0 ? max(alpha / total, 1.0 / 255.0) : 0.0);
}`;

/** What is not known, from the smaller picture below. */
export const PULL = `${HEAD}
uniform sampler2D image;
uniform sampler2D below;
void main() {
  vec4 here = texelFetch(image, ivec2(gl_FragCoord.xy), 0);
  vec3 rest = texture(below, gl_FragCoord.xy / vec2(textureSize(image, 0))).rgb;
  colour = vec4(mix(rest, here.rgb, here.a), 1.0);
}`;

/** How far the nearest pixel of the mask in this row is, in pixels, over 255. */
export const DISTANCE = `${HEAD}
uniform sampler2D mask;
uniform int radius;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int last = textureSize(mask, 0).x - 1;
  int found = 255;
  for (int i = 0; i <= radius; i++) {
    if (texelFetch(mask, ivec2(max(at.x - i, 0), at.y), 0).r > 0.5 || texelFetch(mask, ivec2(min(at.x + i, last), at.y), 0).r > 0.5) {
      found = i;
      break;
    }
  }
  colour = vec4(float(found) / 255.0);
}`;

/** The distance to the mask from the distances within the rows. */
const NEAREST_MASK = `
uniform sampler2D rows;
uniform int radius;
float distanceToMask() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int last = textureSize(rows, 0).y - 1;
  float nearest = 1e6;
  for (int i = -radius; i <= radius; i++) {
    int y = at.y + i;
    if (y < 0 || y > last) continue;
    float across = round(texelFetch(rows, ivec2(at.x, y), 0).r * 255.0);
    if (across < 255.0) nearest = min(nearest, length(vec2(across, float(i))));
  }
  return nearest;
}`;

export const GROW = `${HEAD}${NEAREST_MASK}
void main() { colour = vec4(distanceToMask() <= float(radius) ? 1.0 : 0.0); }`;

const PAINT = `${HEAD}
uniform sampler2D image;
uniform sampler2D mask;
vec4 over(vec4 below, vec3 paint, float opacity) {
  float rest = below.a * (1.0 - opacity);
  float total = opacity + rest;
  return vec4(total > 0.0 ? (paint * opacity + below.rgb * rest) / total : below.rgb, total);
}
`;
const BEGIN = `
  ivec2 at = ivec2(gl_FragCoord.xy);
  vec4 here = texelFetch(image, at, 0);
  float weight = texelFetch(mask, at, 0).r;
`;

export const MIX_SMALL = `${PAINT}
uniform sampler2D small;
uniform int cell;
uniform bool squares;
void main() {${BEGIN}
  vec2 place = gl_FragCoord.xy / float(cell) / vec2(textureSize(small, 0));
  vec3 mean = squares ? texelFetch(small, at / cell, 0).rgb : texture(small, place).rgb;
  colour = vec4(mix(here.rgb, mean, weight), here.a);
}`;

export const DESATURATE = `${PAINT}
uniform float amount;
void main() {${BEGIN}
  float grey = dot(here.rgb, vec3(0.2126, 0.7152, 0.0722));
  colour = vec4(mix(here.rgb, vec3(grey), weight * amount), here.a);
}`;

export const GRADIENT = `${PAINT}
uniform vec3 start;
uniform vec3 end;
uniform vec2 middle;
uniform vec2 direction;
uniform float extent;
uniform float amount;
void main() {${BEGIN}
  float share = clamp(dot(gl_FragCoord.xy - middle, direction) / extent + 0.5, 0.0, 1.0);
  colour = vec4(mix(here.rgb, mix(start, end, share), weight * amount), here.a);
}`;

export const SPOTLIGHT = `${PAINT}
uniform float amount;
void main() {${BEGIN}
  colour = vec4(here.rgb * (1.0 - (1.0 - weight) * amount), here.a);
}`;

export const TINT = `${PAINT}
uniform vec3 paint;
uniform float amount;
void main() {${BEGIN}
  colour = vec4(mix(here.rgb, paint, weight * amount), here.a);
}`;

export const CUT_OUT = `${PAINT}
void main() {${BEGIN}
  colour = vec4(here.rgb, min(here.a, weight));
}`;

/** Opaque paint: one colour, or a picture that covers the frame with its middle. */
export const REPLACE = `${PAINT}
uniform vec3 paint;
uniform sampler2D backdrop;
uniform bool pictured;
void main() {${BEGIN}
  vec2 size = vec2(textureSize(image, 0));
  vec2 own = vec2(textureSize(backdrop, 0));
  float scale = max(size.x / own.x, size.y / own.y);
  vec2 place = (gl_FragCoord.xy - size / 2.0) / (own * scale) + 0.5;
  colour = over(here, pictured ? texture(backdrop, place).rgb : paint, weight);
}`;

export const OUTLINE = `${PAINT}${NEAREST_MASK}
uniform vec3 paint;
uniform float width;
void main() {${BEGIN}
  float line = clamp(width + 1.0 - distanceToMask(), 0.0, 1.0) * (1.0 - weight);
  colour = over(here, paint, line);
}`;

/** Text at a place; its texture is multiplied by its opacity. */
export const TEXT = `${PAINT}
uniform sampler2D text;
uniform vec2 place;
uniform vec2 extent;
void main() {
  vec4 here = texelFetch(image, ivec2(gl_FragCoord.xy), 0);
  vec2 within = (gl_FragCoord.xy - place) / extent;
  bool inside = all(greaterThanEqual(within, vec2(0.0))) && all(lessThanEqual(within, vec2(1.0)));
  vec4 ink = inside ? texture(text, within) : vec4(0.0);
  colour = over(here, ink.rgb / max(ink.a, 1e-6), ink.a);
}`;
