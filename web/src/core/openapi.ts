/** The server's REST API. Made by `npm run generate`; not to be edited. */

export const MADE_FROM = "17b89757f06dd005fa96e9485698cfbb9450da1ebb510b44c2a4825cb9a8f224";

type Nothing = Readonly<Record<never, never>>;

export interface Allowed {
  readonly frames: number;
  readonly pixels: number;
  readonly source_bytes: number;
  readonly source_pixels: number;
  readonly source_seconds: number;
  readonly upload_bytes: number;
}

export interface Effects {
  readonly effects: readonly object[];
}

export interface Entry {
  readonly kind: "folder" | "video" | "image";
  readonly name: string;
  readonly size: number;
}

export interface ExportBegin {
  readonly effects?: readonly object[];
  readonly format:
    | "masklet"
    | "sav"
    | "coco"
    | "youtube-vis"
    | "png"
    | "palette-png"
    | "overlay-video"
    | "cutout-video"
    | "cutout-png"
    | "effects-video"
    | "effects-prores";
  readonly objects?: readonly number[] | null;
  readonly start?: number | null;
  readonly stop?: number | null;
}

export interface ExportBegun {
  readonly id: string;
}

export interface ExportState {
  readonly error: string | null;
  readonly name: string;
  readonly progress: number;
  readonly state: "running" | "done" | "failed";
}

export interface History {
  readonly head: number | null;
  readonly revisions: readonly RevisionItem[];
}

export interface ImportBegin {
  readonly every?: number;
  readonly frame?: number;
  readonly upload: string;
}

export interface Imported {
  readonly masks: number;
  readonly objects: readonly number[];
  readonly prompts: number;
}

export interface Info {
  readonly limits: Allowed;
  readonly model: Model;
  readonly roots: readonly RootItem[];
  readonly user: string | null;
  readonly version: string;
}

export interface KeptEffects {
  readonly effects: readonly object[];
  readonly number: number;
}

export interface Listing {
  readonly entries: readonly Entry[];
}

export interface LoginBegin {
  readonly token: string;
}

export interface LoginState {
  readonly user: string;
}

export interface MediaItem {
  readonly changed: string;
  readonly created: string;
  readonly fps: number;
  readonly frames: number;
  readonly height: number;
  readonly id: string;
  readonly kind: "video" | "images" | "image";
  readonly name: string;
  readonly objects: number;
  readonly project: string;
  readonly width: number;
}

export interface MediaOpen {
  readonly path: string;
  readonly root: string;
}

export interface MemberAdd {
  readonly user: string;
}

export interface Model {
  readonly image_size: number;
  readonly name: string;
}

export interface MoveItem {
  readonly author: string;
  readonly created: string;
  readonly id: number;
  readonly kind: "undo" | "redo";
  readonly revision: number;
}

export interface Moves {
  readonly moves: readonly MoveItem[];
}

export interface PastMask {
  readonly counts: string;
  readonly edited: boolean;
  readonly frame: number;
  readonly iou: number;
  readonly object: number;
  readonly prompted: boolean;
  readonly score: number;
  readonly visible: boolean;
}

export interface PastObject {
  readonly colour: string;
  readonly hidden: boolean;
  readonly id: number;
  readonly locked: boolean;
  readonly name: string;
}

export interface PastPrompt {
  readonly frame: number;
  readonly object: number;
  readonly prompt: object;
}

export interface PastState {
  readonly effects: readonly object[];
  readonly masks: readonly PastMask[];
  readonly objects: readonly PastObject[];
  readonly prompts: readonly PastPrompt[];
  readonly revision: RevisionItem;
  readonly start: number;
  readonly stop: number;
}

export interface ProjectItem {
  readonly created: string;
  readonly id: string;
  readonly members: readonly string[];
  readonly name: string;
  readonly owner: string | null;
}

export interface ProjectName {
  readonly name: string;
}

export interface RevisionItem {
  readonly author: string;
  readonly created: string;
  readonly id: number;
  readonly kind: string;
  readonly parent: number | null;
  readonly payload: object;
}

export interface RootItem {
  readonly name: string;
}

export interface UploadBegin {
  readonly name: string;
  readonly project?: string | null;
  readonly size: number;
}

export interface UploadState {
  readonly id: string;
  readonly offset: number;
}

/** By method and path: what goes in, and what comes out. */
export interface Operations {
  "GET /api/exports/{export_id}": {
    path: { readonly export_id: string };
    query: Nothing;
    body: undefined;
    answer: ExportState;
  };
  "GET /api/exports/{export_id}/file": {
    path: { readonly export_id: string };
    query: Nothing;
    body: undefined;
    answer: undefined;
  };
  "GET /api/files": {
    path: Nothing;
    query: { readonly root: string; readonly path?: string };
    body: undefined;
    answer: Listing;
  };
  "GET /api/info": {
    path: Nothing;
    query: Nothing;
    body: undefined;
    answer: Info;
  };
  "DELETE /api/login": {
    path: Nothing;
    query: Nothing;
    body: undefined;
    answer: undefined;
  };
  "POST /api/login": {
    path: Nothing;
    query: Nothing;
    body: LoginBegin;
    answer: LoginState;
  };
  "GET /api/media": {
    path: Nothing;
    query: Nothing;
    body: undefined;
    answer: readonly MediaItem[];
  };
  "POST /api/media": {
    path: Nothing;
    query: Nothing;
    body: MediaOpen;
    answer: MediaItem;
  };
  "DELETE /api/media/{media_id}": {
    path: { readonly media_id: string };
    query: Nothing;
    body: undefined;
    answer: undefined;
  };
  "GET /api/media/{media_id}": {
    path: { readonly media_id: string };
    query: Nothing;
    body: undefined;
    answer: MediaItem;
  };
  "GET /api/media/{media_id}/effects": {
    path: { readonly media_id: string };
    query: Nothing;
    body: undefined;
    answer: KeptEffects;
  };
  "PUT /api/media/{media_id}/effects": {
    path: { readonly media_id: string };
    query: Nothing;
    body: Effects;
    answer: KeptEffects;
  };
  "POST /api/media/{media_id}/exports": {
    path: { readonly media_id: string };
    query: Nothing;
    body: ExportBegin;
    answer: ExportBegun;
  };
  "GET /api/media/{media_id}/frames/{frame}.jpg": {
    path: { readonly frame: number; readonly media_id: string };
    query: { readonly height?: number | null };
    body: undefined;
    answer: undefined;
  };
  "POST /api/media/{media_id}/frames/{frame}.png": {
    path: { readonly frame: number; readonly media_id: string };
    query: Nothing;
    body: Effects;
    answer: undefined;
  };
  "POST /api/media/{media_id}/imports": {
    path: { readonly media_id: string };
    query: Nothing;
    body: ImportBegin;
    answer: Imported;
  };
  "GET /api/media/{media_id}/moves": {
    path: { readonly media_id: string };
    query: { readonly after?: number; readonly count?: number };
    body: undefined;
    answer: Moves;
  };
  "GET /api/media/{media_id}/revisions": {
    path: { readonly media_id: string };
    query: { readonly after?: number; readonly count?: number };
    body: undefined;
    answer: History;
  };
  "GET /api/media/{media_id}/revisions/{number}": {
    path: { readonly number: number; readonly media_id: string };
    query: { readonly start?: number; readonly stop?: number | null };
    body: undefined;
    answer: PastState;
  };
  "GET /api/media/{media_id}/strip.jpg": {
    path: { readonly media_id: string };
    query: { readonly count?: number; readonly height?: number };
    body: undefined;
    answer: undefined;
  };
  "GET /api/projects": {
    path: Nothing;
    query: Nothing;
    body: undefined;
    answer: readonly ProjectItem[];
  };
  "POST /api/projects": {
    path: Nothing;
    query: Nothing;
    body: ProjectName;
    answer: ProjectItem;
  };
  "PATCH /api/projects/{project_id}": {
    path: { readonly project_id: string };
    query: Nothing;
    body: ProjectName;
    answer: ProjectItem;
  };
  "POST /api/projects/{project_id}/members": {
    path: { readonly project_id: string };
    query: Nothing;
    body: MemberAdd;
    answer: undefined;
  };
  "DELETE /api/projects/{project_id}/members/{name}": {
    path: { readonly name: string; readonly project_id: string };
    query: Nothing;
    body: undefined;
    answer: undefined;
  };
  "POST /api/uploads": {
    path: Nothing;
    query: Nothing;
    body: UploadBegin;
    answer: UploadState;
  };
  "GET /api/uploads/{upload_id}": {
    path: { readonly upload_id: string };
    query: Nothing;
    body: undefined;
    answer: UploadState;
  };
  "PUT /api/uploads/{upload_id}": {
    path: { readonly upload_id: string };
    query: { readonly offset: number };
    body: undefined;
    answer: UploadState;
  };
  "POST /api/uploads/{upload_id}/finish": {
    path: { readonly upload_id: string };
    query: Nothing;
    body: undefined;
    answer: MediaItem;
  };
  "GET /healthz": {
    path: Nothing;
    query: Nothing;
    body: undefined;
    answer: Readonly<Record<string, string>>;
  };
  "GET /metrics": {
    path: Nothing;
    query: Nothing;
    body: undefined;
    answer: Blob;
  };
}
