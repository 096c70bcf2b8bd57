import { describe, expect, it } from "vitest";
import vectors from "../../tests/vectors/messages.json";
import { readMask, readMessage } from "../src/core/protocol";
import { encodeCounts } from "../src/core/rle";

const KINDS = ["", "stored", "preview", "candidate"];

function fromHex(hex: string): ArrayBuffer {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)).buffer;
}

describe("mask messages", () => {
  it.each(vectors)(
    "vector $kind, object $object, frame $frame",
    ({ bytes, counts, height, width, kind, ...fields }) => {
      const message = readMask(fromHex(bytes));
      const { mask, ...read } = message;
      expect(read).toEqual({ ...fields, kind: KINDS[kind] });
      expect(mask.height).toBe(height);
      expect(mask.width).toBe(width);
      expect(encodeCounts(mask.runs)).toBe(counts);
    },
  );

  it("are refused when short, of an unknown kind, or with runs that don't fit", () => {
    const [vector] = vectors;
    const bytes = new Uint8Array(fromHex(vector?.bytes ?? ""));
    expect(() => readMask(bytes.slice(0, 23).buffer)).toThrow("at least 24 bytes, got 23");
    expect(() => readMask(bytes.slice(0, -1).buffer)).toThrow(RangeError);
    const unknown = bytes.slice();
    unknown[0] = 9;
    expect(() => readMask(unknown.buffer)).toThrow("kind 1, 2 or 3, got 9");
    const taller = bytes.slice();
    taller[20] = 200;
    expect(() => readMask(taller.buffer)).toThrow(/runs cover/);
  });
});

describe("text messages", () => {
  it("are objects with a type", () => {
    expect(readMessage('{"type":"done","request":4}')).toEqual({ type: "done", request: 4 });
  });
  it.each(["{", "[]", "null", '{"request":1}', '{"type":3}'])("are refused otherwise: %s", (text) => {
    expect(() => readMessage(text)).toThrow(SyntaxError);
  });
});
