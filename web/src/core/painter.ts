/** What the mask layer asks of WebGL2 and of its 2D stand-in. */
import type { Effect } from "./effects";
import type { Bounds, Mask } from "./rle";
import { bounds } from "./rle";
import type { Size, View } from "./view";

export type Colour = readonly [red: number, green: number, blue: number];

/** A mask and how to draw it. */
export interface MaskLook {
  readonly mask: Mask;
  /** 0..255 each. */
  readonly colour: Colour;
  /** Opacity of the area, 0..1. */
  readonly fill: number;
  /** Width of the outline in CSS pixels; 0 for none. */
  readonly line: number;
  /** Dashes tell a proposal from a stored mask. */
  readonly dashed: boolean;
}

/** Whether masks look the same. */
export function sameLook(a: MaskLook, b: MaskLook): boolean {
  return (
    a.mask === b.mask &&
    a.fill === b.fill &&
    a.line === b.line &&
    a.dashed === b.dashed &&
    a.colour.every((part, i) => part === b.colour[i])
  );
}

/** An effect and what it is drawn on. */
export interface EffectLook {
  readonly effect: Effect;
  /** Of its objects; for the background, of all objects. */
  readonly masks: readonly Mask[];
  readonly background: boolean;
  /** What text follows, in pixels of the full-size frame. */
  readonly boxes: readonly Bounds[];
}

/** Whether effects look the same on the same picture. */
export function sameEffects(a: readonly EffectLook[], b: readonly EffectLook[]): boolean {
  return (
    a.length === b.length &&
    a.every((look, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        look.effect === other.effect &&
        look.masks.length === other.masks.length &&
        look.masks.every((mask, n) => mask === other.masks[n]) &&
        JSON.stringify(look.boxes) === JSON.stringify(other.boxes)
      );
    })
  );
}

export interface Scene {
  /** Of the full-size frame, in which masks are given. */
  readonly picture: Size;
  readonly view: View;
  /** Of the stage in CSS pixels. */
  readonly stage: Size;
  /** Canvas pixels in a CSS pixel. */
  readonly density: number;
  readonly masks: readonly MaskLook[];
  /** Drawn on the picture, below the masks. */
  readonly effects: readonly EffectLook[];
}

export interface Painter {
  /** Take a copy of the frame's picture (of any size); the caller may close it after. */
  setPicture(picture: ImageBitmap): void;
  /** What belongs to effects and comes late (a picture that is being decoded) is there: called to draw again. */
  onReady: () => void;
  draw(scene: Scene): void;
  dispose(): void;
}

/** The bounds of a mask with a pixel of background around it, so that an outline also closes at the picture's edge. */
export function padded(mask: Mask): Bounds | null {
  const box = bounds(mask);
  return box === null ? null : { x0: box.x0 - 1, y0: box.y0 - 1, x1: box.x1 + 1, y1: box.y1 + 1 };
}

/** "#rrggbb" as three numbers 0..255. */
export function parseColour(hex: string): Colour {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
