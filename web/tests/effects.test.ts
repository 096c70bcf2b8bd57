import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  effectLooks,
  followedBox,
  hasAlpha,
  KINDS,
  madeEffect,
  presentEffects,
  readEffects,
  textPlace,
} from "../src/core/effects";
import { sameEffects } from "../src/core/painter";
import type { ObjectInfo } from "../src/core/protocol";
import { fromBitmap, type Mask } from "../src/core/rle";

interface Vector {
  readonly kind: string;
  readonly parameters: Record<
    string,
    { type: string; default: unknown; low?: number; high?: number; words?: string[]; longest?: number }
  >;
}
const vectors = JSON.parse(readFileSync("../tests/vectors/effects.json", "utf8")) as Vector[];

function block(x: number, y: number, width: number, height: number): Mask {
  const pixels = new Uint8Array(100 * 60);
  for (let i = x; i < x + width; i++) pixels.fill(1, i * 60 + y, i * 60 + y + height);
  return fromBitmap(60, 100, pixels);
}

const object = (id: number): ObjectInfo => ({
  id,
  name: `Object ${id}`,
  colour: "#ffffff",
  hidden: false,
  locked: false,
});

describe("the table of effects", () => {
  it("has the server's kinds", () => {
    expect(Object.keys(KINDS)).toEqual(vectors.map((vector) => vector.kind));
  });

  it.each(vectors)("has the server's parameters of $kind", ({ kind, parameters }) => {
    const { fields } = KINDS[kind as keyof typeof KINDS];
    expect(Object.keys(fields).sort()).toEqual(Object.keys(parameters).sort());
    for (const [name, field] of Object.entries(fields)) {
      const known = parameters[name];
      if (field.type === "words") expect(field.longest).toBe(known?.longest);
      else expect(field.default).toEqual(known?.default);
      if (field.type === "number") expect([field.low, field.high]).toEqual([known?.low, known?.high]);
      if (field.type === "choice") expect(Object.keys(field.words)).toEqual(known?.words);
    }
  });
});

describe("effects", () => {
  it("are read with their defaults, and colours in full", () => {
    const [effect] = readEffects([{ kind: "outline", target: 2, colour: "#f80" }, { kind: "smudge", target: 1 }, {}]);
    expect(effect).toEqual({ ...madeEffect("outline", 2), colour: "#ff8800" });
    expect(readEffects([{ kind: "smudge", target: 1 }])).toEqual([]);
  });

  it("for objects that are gone are left out", () => {
    const effects = [madeEffect("blur", "background"), madeEffect("erase", 1), madeEffect("erase", 2)];
    expect(presentEffects(effects, [object(2)])).toEqual([effects[0], effects[2]]);
  });

  it("have alpha with a cut-out", () => {
    expect(hasAlpha([madeEffect("blur", 1)])).toBe(false);
    expect(hasAlpha([madeEffect("blur", 1), madeEffect("cut-out", 1)])).toBe(true);
  });

  it("get the masks of their targets", () => {
    const masks = new Map([
      [1, block(1, 1, 5, 5)],
      [2, block(20, 20, 5, 5)],
    ]);
    const maskAt = (id: number, frame: number) => (frame === 3 ? (masks.get(id) ?? null) : null);
    const effects = [madeEffect("blur", "background"), madeEffect("erase", 2), madeEffect("follow", "objects")];
    const looks = effectLooks(effects, [object(1), object(2)], 3, maskAt);
    expect(looks.map((look) => look.masks)).toEqual([[...masks.values()], [masks.get(2)], [...masks.values()]]);
    expect(looks.map((look) => look.background)).toEqual([true, false, false]);
    expect(looks[2]?.boxes).toEqual([
      { x0: 1, y0: 1, x1: 6, y1: 6 },
      { x0: 20, y0: 20, x1: 25, y1: 25 },
    ]);
    expect(sameEffects(looks, effectLooks(effects, [object(1), object(2)], 3, maskAt))).toBe(true);
    expect(sameEffects(looks, effectLooks(effects, [object(1), object(2)], 4, maskAt))).toBe(false);
    expect(sameEffects(looks, looks.slice(1))).toBe(false);
  });
});

describe("text that follows", () => {
  it("keeps steady movement, and takes trembling out", () => {
    const steady = followedBox((frame) => block(2 * frame, 5, 10, 10), 10);
    expect(steady).toEqual({ x0: 20, y0: 5, x1: 30, y1: 15 });
    const trembling = [10, 11].map((at) => followedBox((frame) => block(20 + (frame % 2) * 8, 5, 10, 10), at)?.x0 ?? 0);
    expect(Math.abs((trembling[0] ?? 0) - (trembling[1] ?? 0))).toBeLessThan(1);
    expect(followedBox((frame) => (frame === 4 ? null : block(1, 1, 3, 3)), 4)).toBeNull();
  });

  it("stays in the picture", () => {
    const box = { x0: 0, y0: 20, x1: 10, y1: 30 };
    const picture = { width: 100, height: 60 };
    expect(textPlace(box, "above", { width: 40, height: 10 }, picture)).toEqual({ x: 0, y: 4 });
    expect(textPlace(box, "centre", { width: 4, height: 10 }, picture)).toEqual({ x: 3, y: 20 });
    expect(textPlace(box, "below", { width: 4, height: 40 }, picture)).toEqual({ x: 3, y: 20 });
  });
});
