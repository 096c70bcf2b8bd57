/** The server's resources over HTTP. Addresses are relative to the page, so that it works below any path. */
import type { MediaItem } from "./protocol";
import { signedIn } from "./session";

/** The server refused or failed; the message is meant for people. `status` is 0 where no answer came. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Info {
  readonly version: string;
  /** Who is logged in; null where nobody has to be. */
  readonly user: string | null;
  readonly model: { readonly name: string; readonly image_size: number };
  readonly limits: { readonly upload_bytes: number; readonly frames: number; readonly pixels: number };
  readonly roots: readonly { readonly name: string }[];
}

export interface FileEntry {
  readonly name: string;
  readonly kind: "folder" | "video" | "image";
  readonly size: number;
}

export const EXPORT_FORMATS = [
  "sav",
  "coco",
  "youtube-vis",
  "png",
  "palette-png",
  "overlay-video",
  "cutout-video",
  "cutout-png",
  "masklet",
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportOrder {
  readonly format: ExportFormat;
  readonly objects: readonly number[] | null;
}

export interface ExportState {
  readonly state: "running" | "done" | "failed";
  readonly progress: number;
  readonly error: string | null;
  readonly name: string;
}

export interface UploadState {
  readonly id: string;
  readonly offset: number;
}

/** An address below api/, whatever the page's own path is. */
export function apiUrl(path: string, query: Readonly<Record<string, string | number>> = {}): string {
  const url = new URL(`api/${path}`, document.baseURI);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
  return url.href;
}

export const frameUrl = (media: string, frame: number, height: number | null = null) =>
  apiUrl(`media/${media}/frames/${frame}.jpg`, height === null ? {} : { height });

export const stripUrl = (media: string, count: number, height: number) =>
  apiUrl(`media/${media}/strip.jpg`, { count, height });

export const exportFileUrl = (id: string) => apiUrl(`exports/${id}/file`);

/** The address of a media item's live connection. */
export function liveUrl(media: string): string {
  return apiUrl(`media/${media}/live`).replace(/^http/, "ws");
}

async function answer(url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "the server does not answer");
  }
  if (response.status === 401) signedIn.set(false);
  if (!response.ok) throw new ApiError(response.status, await reason(response));
  return response;
}

async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  if (typeof body === "object" && body !== null && "error" in body && typeof body.error === "string") return body.error;
  return `the server answers ${response.status} ${response.statusText}`.trim();
}

async function json<T>(url: string, init: RequestInit = {}): Promise<T> {
  return (await answer(url, init)).json() as Promise<T>;
}

const post = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

export const logIn = (token: string) => answer(apiUrl("login"), post({ token }));
export const logOut = () => answer(apiUrl("login"), { method: "DELETE" });
export const getInfo = () => json<Info>(apiUrl("info"));
export const listMedia = () => json<MediaItem[]>(apiUrl("media"));
export const getMedia = (id: string) => json<MediaItem>(apiUrl(`media/${id}`));
export const addMedia = (root: string, path: string) => json<MediaItem>(apiUrl("media"), post({ root, path }));
export const deleteMedia = (id: string) => answer(apiUrl(`media/${id}`), { method: "DELETE" });
export const listFiles = (root: string, path: string) =>
  json<{ entries: FileEntry[] }>(apiUrl("files", { root, path })).then((listing) => listing.entries);

export const beginUpload = (name: string, size: number) => json<UploadState>(apiUrl("uploads"), post({ name, size }));
export const getUpload = (id: string) => json<{ offset: number }>(apiUrl(`uploads/${id}`));
export const putUpload = (id: string, offset: number, bytes: Blob, signal: AbortSignal) =>
  json<{ offset: number }>(apiUrl(`uploads/${id}`, { offset }), { method: "PUT", body: bytes, signal });
export const finishUpload = (id: string) => json<MediaItem>(apiUrl(`uploads/${id}/finish`), { method: "POST" });

export const beginExport = (media: string, order: ExportOrder) =>
  json<{ id: string }>(apiUrl(`media/${media}/exports`), post(order));
export const getExport = (id: string) => json<ExportState>(apiUrl(`exports/${id}`));

/** A frame's picture, decoded. */
export async function loadFrame(media: string, frame: number, height: number | null, signal: AbortSignal) {
  const response = await answer(frameUrl(media, frame, height), { signal });
  return createImageBitmap(await response.blob());
}
