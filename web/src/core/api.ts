/** The server's resources over HTTP. Addresses are relative to the page, so that it works below any path. */
import type { Effects, ExportBegin, ImportBegin, Operations } from "./openapi";
import { signedIn } from "./session";

export type { Entry as FileEntry, ExportState, Imported, Info, ProjectItem as Project, UploadState } from "./openapi";
export type ExportFormat = ExportBegin["format"];

/** The server refused or failed; the message is meant for people. `status` is 0 where no answer came. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Operation = keyof Operations;
/** Required where it has fields that are, optional where it has none. */
type Part<Name extends string, Fields> = object extends Fields
  ? { readonly [name in Name]?: Fields }
  : { readonly [name in Name]: Fields };
type Place<K extends Operation> = Part<"path", Operations[K]["path"]> & Part<"query", Operations[K]["query"]>;
type Content<K extends Operation> = Operations[K]["body"] extends undefined
  ? { readonly body?: undefined }
  : { readonly body: Operations[K]["body"] };

/** The address of an operation, whatever the page's own path is. */
function addressOf<K extends Operation>(operation: K, place: Place<K>): string {
  const { path = {}, query = {} } = place as { path?: Record<string, unknown>; query?: Record<string, unknown> };
  const [, template = ""] = operation.split(" ");
  const filled = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(path[name])));
  const url = new URL(filled.slice(1), document.baseURI);
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) url.searchParams.set(key, String(value));
  }
  return url.href;
}

/** Ask for an operation's answer; `init` may bring a body that is no JSON. */
async function call<K extends Operation>(
  operation: K,
  asked: Place<K> & Content<K>,
  init: RequestInit = {},
): Promise<Operations[K]["answer"]> {
  const [method = "GET"] = operation.split(" ");
  const json =
    asked.body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(asked.body) };
  const response = await answer(addressOf(operation, asked), { method, ...json, ...init });
  return response.status === 204 ? undefined : response.json();
}

export const frameUrl = (media: string, frame: number, height: number | null = null) =>
  addressOf("GET /api/media/{media_id}/frames/{frame}.jpg", { path: { media_id: media, frame }, query: { height } });

export const stripUrl = (media: string, count: number, height: number) =>
  addressOf("GET /api/media/{media_id}/strip.jpg", { path: { media_id: media }, query: { count, height } });

export const exportFileUrl = (id: string) =>
  addressOf("GET /api/exports/{export_id}/file", { path: { export_id: id } });

/** The address of a media item's live connection. */
export const liveUrl = (media: string) => socketUrl(`api/media/${media}/live`);

/** The address to which a camera or screen is sent. */
export const sourceUrl = () => socketUrl("api/sources");

const socketUrl = (path: string) => new URL(path, document.baseURI).href.replace(/^http/, "ws");

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

export const logIn = (token: string) => call("POST /api/login", { body: { token } });
export const logOut = () => call("DELETE /api/login", {});
export const getInfo = () => call("GET /api/info", {});
export const listMedia = () => call("GET /api/media", {});
export const getMedia = (id: string) => call("GET /api/media/{media_id}", { path: { media_id: id } });
export const addMedia = (root: string, path: string) => call("POST /api/media", { body: { root, path } });
export const deleteMedia = (id: string) => call("DELETE /api/media/{media_id}", { path: { media_id: id } });
export const listFiles = (root: string, path: string) =>
  call("GET /api/files", { query: { root, path } }).then((listing) => listing.entries);

export const listProjects = () => call("GET /api/projects", {});
export const addProject = (name: string) => call("POST /api/projects", { body: { name } });
export const renameProject = (id: string, name: string) =>
  call("PATCH /api/projects/{project_id}", { path: { project_id: id }, body: { name } });

export const addMember = (project: string, user: string) =>
  call("POST /api/projects/{project_id}/members", { path: { project_id: project }, body: { user } });
export const removeMember = (project: string, name: string) =>
  call("DELETE /api/projects/{project_id}/members/{name}", { path: { project_id: project, name } });

/** Begin an upload for a project; null: the user's own. */
export const beginUpload = (name: string, size: number, project: string | null = null) =>
  call("POST /api/uploads", { body: { name, size, project } });
export const getUpload = (id: string) => call("GET /api/uploads/{upload_id}", { path: { upload_id: id } });
export const putUpload = (id: string, offset: number, bytes: Blob, signal: AbortSignal) =>
  call("PUT /api/uploads/{upload_id}", { path: { upload_id: id }, query: { offset } }, { body: bytes, signal });
export const finishUpload = (id: string) => call("POST /api/uploads/{upload_id}/finish", { path: { upload_id: id } });

/** Make objects of the masks in an upload that is complete. */
export const importMasks = (media: string, order: ImportBegin) =>
  call("POST /api/media/{media_id}/imports", { path: { media_id: media }, body: order });

export const beginExport = (media: string, order: ExportBegin) =>
  call("POST /api/media/{media_id}/exports", { path: { media_id: media }, body: order });
export const getExport = (id: string) => call("GET /api/exports/{export_id}", { path: { export_id: id } });

/** Effects in their JSON form: parameters at their defaults may be left out. */
export type EffectRecords = Effects["effects"];
export const getEffects = (media: string) => call("GET /api/media/{media_id}/effects", { path: { media_id: media } });

/** A frame with effects as PNG. */
export async function frameWithEffects(media: string, frame: number, effects: EffectRecords): Promise<Blob> {
  const place = { path: { media_id: media, frame } };
  const response = await answer(addressOf("POST /api/media/{media_id}/frames/{frame}.png", place), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ effects }),
  });
  return response.blob();
}

/** A frame's picture, decoded. */
export async function loadFrame(media: string, frame: number, height: number | null, signal: AbortSignal) {
  const response = await answer(frameUrl(media, frame, height), { signal });
  return createImageBitmap(await response.blob());
}
