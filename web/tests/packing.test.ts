import { describe, expect, it } from "vitest";
import { readPicked } from "../src/core/dropped";
import { crc32, pack } from "../src/core/packing";

const text = (value: string) => new TextEncoder().encode(value);

describe("an archive", () => {
  it("has the checksums that ZIP asks for, in one piece or several", () => {
    expect(crc32(text("123456789"))).toBe(0xcbf43926);
    expect(crc32(text("456789"), crc32(text("123")))).toBe(0xcbf43926);
    expect(crc32(text(""))).toBe(0);
  });

  it("holds its files in their order, and says where each is", async () => {
    const files = [
      { path: "b.txt", file: new File(["first"], "b.txt") },
      { path: "ä.txt", file: new File([""], "ä.txt") },
      { path: "a.txt", file: new File(["third one"], "a.txt") },
    ];
    const archive = await (await pack(files, new AbortController().signal)).arrayBuffer();
    const view = new DataView(archive);
    const end = archive.byteLength - 22;
    expect(view.getUint32(end, true)).toBe(0x06054b50);
    expect(view.getUint16(end + 10, true)).toBe(3);
    let entry = view.getUint32(end + 16, true);
    const found: [string, string][] = [];
    for (let i = 0; i < 3; i++) {
      expect(view.getUint32(entry, true)).toBe(0x02014b50);
      const [checksum, size] = [view.getUint32(entry + 16, true), view.getUint32(entry + 24, true)];
      const name = new Uint8Array(archive, entry + 46, view.getUint16(entry + 28, true));
      const at = view.getUint32(entry + 42, true);
      expect(view.getUint32(at, true)).toBe(0x04034b50);
      const content = new Uint8Array(archive, at + 30 + name.length, size);
      expect(crc32(content)).toBe(checksum);
      found.push([new TextDecoder().decode(name), new TextDecoder().decode(content)]);
      entry += 46 + name.length;
    }
    expect(found).toEqual([
      ["b.txt", "first"],
      ["ä.txt", ""],
      ["a.txt", "third one"],
    ]);
    expect(entry).toBe(end);
  });

  it("is not made when told to stop", async () => {
    const stop = AbortSignal.abort();
    await expect(pack([{ path: "a", file: new File(["x"], "a") }], stop)).rejects.toThrow();
  });
});

describe("a picked folder", () => {
  const picked = (name: string, path: string) => {
    const made = new File(["x"], name);
    Object.defineProperty(made, "webkitRelativePath", { value: path });
    return made;
  };
  const file = (path: string) => picked(path.split("/").at(-1) ?? "", path);

  it("is one sequence for each folder with pictures, in natural order; videos go on their own", () => {
    const { files, folders } = readPicked(
      ["trip/10.jpg", "trip/9.JPG", "trip/film.mp4", "trip/notes.txt", "trip/.hidden.png", "trip/two/1.png"].map(file),
    );
    expect(files.map((found) => found.name)).toEqual(["film.mp4"]);
    expect(folders.map(({ name, pictures }) => [name, pictures.map(({ path }) => path)])).toEqual([
      ["trip", ["9.JPG", "10.jpg"]],
      ["two", ["1.png"]],
    ]);
  });

  it("is no folder where files were picked: each is a media item of its own", () => {
    const { files, folders } = readPicked(["a.png", "b.mp4"].map((name) => picked(name, "")));
    expect(files.map((found) => found.name)).toEqual(["a.png", "b.mp4"]);
    expect(folders).toEqual([]);
  });
});
