/** Pictures for other programs: to the clipboard, or where the browser does not let us, as a file. */

/** @returns which of the two it was */
export async function copyPicture(picture: Promise<Blob>, name: string): Promise<"copied" | "saved"> {
  if (typeof ClipboardItem !== "undefined" && navigator.clipboard?.write !== undefined) {
    try {
      // The promise, not the picture: some browsers take it only within the user's press.
      await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
      return "copied";
    } catch (error) {
      if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
    }
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await picture);
  link.download = name;
  link.click();
  // The download has its own hold of the picture once it has begun.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return "saved";
}

const LARGEST_SIDE = 1920;

/** A picture file as a data: address, made small enough to be kept with effects. Throws Error for other files. */
export async function pictureAddress(file: File): Promise<string> {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is no picture that this browser can read`);
  });
  const scale = Math.min(1, LARGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas.toDataURL("image/jpeg", 0.85);
}
