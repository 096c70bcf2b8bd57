/** Effects for objects and background as the server knows them (docs/effects.md), and what the page says about them. */
import type { EffectLook } from "./painter";
import type { ObjectInfo } from "./protocol";
import { type Bounds, bounds, type Mask } from "./rle";

/** An object's number, all objects together, or what no object covers. */
export type Target = number | "objects" | "background";
export type Place = "above" | "centre" | "below";

type Feathered = { readonly feather: number };

/** The parameters of each kind. Lengths are pixels of the full-size frame. */
export interface Parameters {
  erase: { readonly grow: number };
  blur: Feathered & { readonly radius: number };
  pixelate: Feathered & { readonly size: number };
  desaturate: Feathered & { readonly amount: number };
  gradient: Feathered & {
    readonly start: string;
    readonly end: string;
    readonly angle: number;
    readonly opacity: number;
  };
  spotlight: Feathered & { readonly darkness: number };
  outline: { readonly colour: string; readonly width: number };
  "cut-out": Feathered;
  overlay: Feathered & { readonly colour: string; readonly opacity: number };
  /** `picture` is a data: address. */
  replace: Feathered & { readonly colour: string; readonly picture: string | null };
  follow: { readonly text: string; readonly size: number; readonly colour: string; readonly place: Place };
}
export type Kind = keyof Parameters;
export type Effect = { [K in Kind]: { readonly kind: K; readonly target: Target } & Parameters[K] }[Kind];

/** A parameter as the panel asks for it; `default` is also the server's. */
export type Field =
  | {
      readonly type: "number";
      readonly label: string;
      readonly default: number;
      readonly low: number;
      readonly high: number;
      readonly step: number;
      readonly percent?: boolean;
    }
  | { readonly type: "colour"; readonly label: string; readonly default: string }
  | { readonly type: "words"; readonly label: string; readonly default: string; readonly longest: number }
  | {
      readonly type: "choice";
      readonly label: string;
      readonly default: string;
      readonly words: Readonly<Record<string, string>>;
    }
  | { readonly type: "picture"; readonly label: string; readonly default: null };

interface KindInfo {
  readonly name: string;
  /** Where the preview differs from the export. */
  readonly preview?: string;
  readonly fields: Readonly<Record<string, Field>>;
}

const number = (label: string, standard: number, low: number, high: number, step = 1): Field => ({
  type: "number",
  label,
  default: standard,
  low,
  high,
  step,
});
const share = (label: string, standard: number): Field => ({
  type: "number",
  label,
  default: standard,
  low: 0,
  high: 1,
  step: 0.05,
  percent: true,
});
const colour = (label: string, standard: string): Field => ({ type: "colour", label, default: standard });
const feather = (standard: number) => number("Soft edge", standard, 0, 100);

export const KINDS: Readonly<Record<Kind, KindInfo>> = {
  erase: {
    name: "Erase",
    preview: "The preview fills the place roughly; the export does it smoothly.",
    fields: { grow: number("Beyond the edge", 4, 0, 100) },
  },
  blur: { name: "Blur", fields: { radius: number("Radius", 12, 0.5, 100, 0.5), feather: feather(1) } },
  pixelate: { name: "Pixelate", fields: { size: number("Squares", 16, 2, 256), feather: feather(0) } },
  desaturate: { name: "Desaturate", fields: { amount: share("Amount", 1), feather: feather(1) } },
  gradient: {
    name: "Gradient",
    fields: {
      start: colour("From", "#ff3d81"),
      end: colour("To", "#3d7bff"),
      angle: number("Angle", 90, -360, 360, 5),
      opacity: share("Opacity", 0.6),
      feather: feather(1),
    },
  },
  spotlight: { name: "Spotlight", fields: { darkness: share("Darkness", 0.7), feather: feather(8) } },
  outline: { name: "Outline", fields: { colour: colour("Colour", "#ffffff"), width: number("Width", 4, 1, 64, 0.5) } },
  "cut-out": { name: "Cut out", fields: { feather: feather(1) } },
  overlay: {
    name: "Colour",
    fields: { colour: colour("Colour", "#ff3d81"), opacity: share("Opacity", 0.5), feather: feather(1) },
  },
  replace: {
    name: "Replace",
    fields: {
      colour: colour("Colour", "#00b140"),
      picture: { type: "picture", label: "Picture", default: null },
      feather: feather(1),
    },
  },
  follow: {
    name: "Text",
    preview: "The preview writes with this device's font, the export with its own.",
    fields: {
      text: { type: "words", label: "Text", default: "Hello", longest: 80 },
      size: number("Size", 40, 6, 512),
      colour: colour("Colour", "#ffffff"),
      place: {
        type: "choice",
        label: "Place",
        default: "above",
        words: { above: "Above", centre: "Centre", below: "Below" },
      },
    },
  },
};
export const MOST_EFFECTS = 32;
/** Text follows the mean box of so many frames to both sides, as in the export. */
const SMOOTHING = 4;

export const isKind = (value: unknown): value is Kind => typeof value === "string" && Object.hasOwn(KINDS, value);

/** An effect with its kind's defaults. */
export function madeEffect(kind: Kind, target: Target): Effect {
  const values = Object.entries(KINDS[kind].fields).map(([name, field]) => [name, field.default]);
  return { kind, target, ...Object.fromEntries(values) } as Effect;
}

/** Effects as the server keeps them, without those parameters that are at their defaults. */
export function readEffects(records: readonly object[]): Effect[] {
  return records.flatMap((record) => {
    if (!("kind" in record) || !isKind(record.kind)) return [];
    const { fields } = KINDS[record.kind];
    const values = Object.entries(record).map(([name, value]) => [
      name,
      fields[name]?.type === "colour" ? longColour(String(value)) : value,
    ]);
    return [{ ...madeEffect(record.kind, "objects"), ...Object.fromEntries(values) } as Effect];
  });
}

/** "#fc0" as "#ffcc00", which colour fields take. */
const longColour = (text: string) => (text.length === 4 ? text.replace(/[0-9a-f]/gi, "$&$&") : text);

/** Those effects whose object is still there. */
export function presentEffects(effects: readonly Effect[], objects: readonly ObjectInfo[]): Effect[] {
  const known = new Set(objects.map((object) => object.id));
  return effects.filter(({ target }) => typeof target !== "number" || known.has(target));
}

/** Whether the effects may leave something transparent. */
export const hasAlpha = (effects: readonly Effect[]) => effects.some((effect) => effect.kind === "cut-out");

/** What the painters need of each effect: which masks of the frame it is for, and the boxes that text follows. */
export function effectLooks(
  effects: readonly Effect[],
  objects: readonly ObjectInfo[],
  frame: number,
  maskAt: (object: number, frame: number) => Mask | null,
): EffectLook[] {
  return presentEffects(effects, objects).map((effect) => {
    const { target } = effect;
    const ids = typeof target === "number" ? [target] : objects.map((object) => object.id);
    const masks = ids.map((id) => maskAt(id, frame)).filter((mask) => mask !== null);
    const boxes =
      effect.kind !== "follow"
        ? []
        : ids.map((id) => followedBox((n) => maskAt(id, n), frame)).filter((box) => box !== null);
    return { effect, masks, background: target === "background", boxes };
  });
}

/** The box that text follows: the mean of those nearby, near ones counting more; null where the object is not there. */
export function followedBox(maskAt: (frame: number) => Mask | null, frame: number): Bounds | null {
  const boxAt = (n: number) => {
    const mask = maskAt(n);
    return mask === null ? null : bounds(mask);
  };
  if (boxAt(frame) === null) return null;
  const sum = { x0: 0, y0: 0, x1: 0, y1: 0 };
  let total = 0;
  for (let n = frame - SMOOTHING; n <= frame + SMOOTHING; n++) {
    const box = boxAt(n);
    if (box === null) continue;
    const weight = SMOOTHING + 1 - Math.abs(n - frame);
    total += weight;
    for (const side of ["x0", "y0", "x1", "y1"] as const) sum[side] += weight * box[side];
  }
  return { x0: sum.x0 / total, y0: sum.y0 / total, x1: sum.x1 / total, y1: sum.y1 / total };
}

const TEXT_GAP = 6;

/** The top left corner of text of this size that follows a box, within the picture. */
export function textPlace(
  box: Bounds,
  place: Place,
  text: { readonly width: number; readonly height: number },
  picture: { readonly width: number; readonly height: number },
): { x: number; y: number } {
  const y = {
    above: box.y0 - TEXT_GAP - text.height,
    centre: (box.y0 + box.y1 - text.height) / 2,
    below: box.y1 + TEXT_GAP,
  }[place];
  const within = (value: number, room: number) => Math.max(0, Math.min(value, room));
  return {
    x: within((box.x0 + box.x1 - text.width) / 2, picture.width - text.width),
    y: within(y, picture.height - text.height),
  };
}
