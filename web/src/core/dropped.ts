/** What is dropped or picked, as things to upload: single files, and folders of pictures, each of which is one. */
import type { PackedFile } from "./packing";

/** A folder whose pictures are the frames of one media item. */
export interface PictureFolder {
  readonly name: string;
  readonly pictures: readonly PackedFile[];
}

export interface Dropped {
  readonly files: readonly File[];
  readonly folders: readonly PictureFolder[];
}

/** A file with the folders that it was found in, the outermost first. */
interface Found {
  readonly file: File;
  readonly folders: readonly string[];
}

const PICTURE = /\.(jpe?g|jpe|jfif|png|bmp|dib|webp|tiff?|p[pgbn]m|tga|jp2|j2k|avif)$/i;
const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|m?ts|m2ts|wmv|flv|ogv|3gp|mxf|gif)$/i;

/** What a drop carries. The entries are taken before the first wait: they are gone after it. */
export async function readDrop(transfer: DataTransfer): Promise<Dropped> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return sorted([...transfer.files].map((file) => ({ file, folders: [] })));
  const found: Found[] = [];
  for (const entry of entries) await walk(entry, [], found);
  return sorted(found);
}

/** What an input for files or for a folder was given. */
export function readPicked(files: Iterable<File>): Dropped {
  return sorted([...files].map((file) => ({ file, folders: file.webkitRelativePath.split("/").slice(0, -1) })));
}

async function walk(entry: FileSystemEntry, folders: readonly string[], found: Found[]): Promise<void> {
  if (entry.name.startsWith(".")) return;
  if (isFile(entry)) {
    found.push({ file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)), folders });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader gives a hundred entries at a time, and none when it is at the end.
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const child of batch) await walk(child, [...folders, entry.name], found);
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

/** Files that were not in a folder go one by one; of folders, videos do, and the pictures of each are one sequence. */
function sorted(found: readonly Found[]): Dropped {
  const files: File[] = [];
  const folders = new Map<string, { name: string; pictures: PackedFile[] }>();
  for (const { file, folders: places } of found) {
    const name = places.at(-1);
    if (name === undefined) files.push(file);
    else if (file.name.startsWith(".")) continue;
    else if (VIDEO.test(file.name)) files.push(file);
    else if (PICTURE.test(file.name)) {
      const key = places.join("/");
      const folder = folders.get(key) ?? { name, pictures: [] };
      folder.pictures.push({ path: file.name, file });
      folders.set(key, folder);
    }
  }
  const order = new Intl.Collator(undefined, { numeric: true });
  for (const { pictures } of folders.values()) pictures.sort((a, b) => order.compare(a.path, b.path));
  return { files, folders: [...folders.values()] };
}
