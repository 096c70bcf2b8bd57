"""HTTP for resources: media, files, uploads, frames, exports."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from masklet import __version__
from masklet.export import effects_from_json
from masklet.export.effects import MOST_EFFECTS
from masklet.masks import Masklet
from masklet.server.errors import Refused
from masklet.server.exports import Export, ExportName, ExportOrder
from masklet.server.gently import gently
from masklet.server.imports import read_apart
from masklet.server.library import MOST_PIECE, Upload
from masklet.server.live import describe_media
from masklet.server.mask_files import MaskFile
from masklet.server.pictures import MOST_HEIGHT, MOST_STRIP, forget_strips, frame_jpeg, strip_jpeg
from masklet.server.services import Services
from masklet.server.visitors import find_media, seen_media, visitor
from masklet.server.worker import Urgency
from masklet.store import Media

_FOR_EVER = "private, max-age=31536000, immutable"
Text = Annotated[str, Field(min_length=1, max_length=4096)]
Identity = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[0-9a-z]+$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Model(BaseModel):
    """The model behind the server: its name, and the side of its image in pixels."""

    name: str
    image_size: int


class Allowed(BaseModel):
    """What is let in: bytes of an upload, frames and pixels of a media, and what a live source may have."""

    upload_bytes: int
    frames: int
    pixels: int
    source_pixels: int
    source_seconds: float
    source_bytes: int


class RootItem(BaseModel):
    name: str


class Info(BaseModel):
    """The server: `user` is who is logged in, null where nobody has to."""

    version: str
    user: str | None
    model: Model
    limits: Allowed
    roots: list[RootItem]


class MediaItem(BaseModel):
    """A media as the gallery shows it."""

    id: str
    name: str
    kind: Literal["video", "images", "image"]
    width: int
    height: int
    frames: int
    fps: float
    objects: int
    created: str
    changed: str
    project: str


class MediaOpen(_Body):
    root: Text
    path: Annotated[str, Field(max_length=4096)]


class UploadBegin(_Body):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    size: Annotated[int, Field(ge=1)]
    project: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class UploadState(BaseModel):
    id: str
    offset: int


class ExportBegin(_Body):
    """What to export: frames `start` .. `stop` - 1 of some `objects`, or everything. `effects` (docs/effects.md) belong
    to the formats of that name."""

    format: ExportName
    objects: Annotated[list[int], Field(min_length=1, max_length=1000)] | None = None
    start: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    stop: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    effects: Annotated[list[dict[str, Any]], Field(max_length=MOST_EFFECTS)] = []


class ImportBegin(_Body):
    """An upload with masks. `every`: how many frames apart the prompts are. `frame`: where a single picture goes."""

    upload: Annotated[str, Field(min_length=1, max_length=64)]
    every: Annotated[int, Field(ge=1, lt=2**31)] = 1
    frame: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Imported(BaseModel):
    """The new objects, and on how many of their frames there are masks and prompts."""

    objects: list[int]
    masks: int
    prompts: int


class ExportBegun(BaseModel):
    id: str


class ExportState(BaseModel):
    state: Literal["running", "done", "failed"]
    progress: float
    error: str | None
    name: str


class Entry(BaseModel):
    name: str
    kind: Literal["folder", "video", "image"]
    size: int


class Listing(BaseModel):
    entries: list[Entry]


def services(request: Request) -> Services:
    """The server's parts."""
    return request.app.state.services


Parts = Annotated[Services, Depends(services)]


def chosen_media(media_id: Identity, parts: Parts) -> Media:
    media = find_media(parts.store, media_id)
    if media is None:
        raise Refused(404, "there is no such media")
    return media


def chosen_upload(upload_id: Identity, parts: Parts) -> Upload:
    upload = parts.library.upload(upload_id)
    if upload is None:
        raise Refused(404, "there is no such upload")
    return upload


def chosen_export(export_id: Identity, parts: Parts) -> Export:
    export = parts.exports.find(export_id)
    if export is None or export.user != visitor().user:
        raise Refused(404, "there is no such export")
    return export


ChosenMedia = Annotated[Media, Depends(chosen_media)]
ChosenUpload = Annotated[Upload, Depends(chosen_upload)]
ChosenExport = Annotated[Export, Depends(chosen_export)]
router = APIRouter(prefix="/api")


@router.get("/info")
def info(parts: Parts) -> Info:
    """The server, its model and its limits."""
    return Info(
        version=__version__,
        user=None if visitor().user is None else visitor().name,
        model=Model(**asdict(parts.settings.model)),
        limits=Allowed(**{name: getattr(parts.settings.limits, name) for name in Allowed.model_fields}),
        roots=[RootItem(name=name) for name in parts.roots.names],
    )


# -- media ------------------------------------------------------------------------------------------------------------


@router.get("/media")
def list_media(parts: Parts) -> list[MediaItem]:
    """All media that you may see, newest first."""
    found = seen_media(parts.store)
    counts = parts.store.object_counts([media.id for media in found])
    return [_item(media, counts.get(media.id, 0)) for media in found]


@router.post("/media")
def open_media(body: MediaOpen, parts: Parts) -> MediaItem:
    """Opens a file or folder of a root; the media of an earlier time, if there is one."""
    media = parts.library.open(parts.roots.resolve(body.root, body.path))
    return _item(media, len(parts.store.state(media.id).objects))


@router.get("/media/{media_id}")
def get_media(media: ChosenMedia, parts: Parts) -> MediaItem:
    return _item(media, len(parts.store.state(media.id).objects))


@router.delete("/media/{media_id}", status_code=204)
async def delete_media(media: ChosenMedia, parts: Parts) -> Response:
    """Deletes a media with all its edits; the file stays unless it was uploaded."""
    await parts.studio.forget(media.id)
    await asyncio.to_thread(parts.library.delete, media)
    await asyncio.to_thread(forget_strips, parts.settings.data / "strips", media.id)
    return Response(status_code=204)


@router.get("/files")
def list_files(parts: Parts, root: Text, path: Annotated[str, Query(max_length=4096)] = "") -> Listing:
    """What can be opened in a folder of a root."""
    return Listing(entries=[Entry(**entry) for entry in parts.roots.entries(root, path)])


# -- pictures ---------------------------------------------------------------------------------------------------------


@router.get("/media/{media_id}/frames/{frame}.jpg", response_class=Response)
async def get_frame(
    request: Request,
    media: ChosenMedia,
    parts: Parts,
    frame: Annotated[int, Path(ge=0, lt=2**31)],
    height: Annotated[int | None, Query(ge=1, le=MOST_HEIGHT)] = None,
) -> Response:
    """A frame, exactly: 0-based, in display order, upright. 499: nobody waits for it any more."""
    if frame >= media.frames:
        raise Refused(404, f"{media.name} has {media.frames} frames, there is no frame {frame}")
    mark = f'"{media.id}-{frame}-{height or "full"}"'
    if _has(request, mark):
        return _unchanged(mark)
    clips = parts.studio.clips
    async with clips.turn(media.id):
        # Who drags the cursor wants the last frame of many, and one that lies back may take a second to decode.
        if await request.is_disconnected():
            raise Refused(499, "the request was taken back")
        picture = await run_in_threadpool(lambda: clips.get(media)[frame])
    return _jpeg(await run_in_threadpool(frame_jpeg, picture, height), mark)


@router.get("/media/{media_id}/strip.jpg", response_class=Response)
def get_strip(
    request: Request,
    media: ChosenMedia,
    parts: Parts,
    count: Annotated[int, Query(ge=1, le=MOST_STRIP)] = 12,
    height: Annotated[int, Query(ge=8, le=240)] = 60,
) -> Response:
    """Frames evenly spread over the media, side by side."""
    mark = f'"{media.id}-strip-{count}-{height}"'
    if _has(request, mark):
        return _unchanged(mark)
    folder = parts.settings.data / "strips"
    clip = parts.studio.clips.get(media)
    return _jpeg(gently(lambda: strip_jpeg(clip, count, height, folder, media.id)), mark)


# -- uploads ----------------------------------------------------------------------------------------------------------


@router.post("/uploads")
def begin_upload(body: UploadBegin, parts: Parts) -> UploadState:
    """Begins an upload, for one of your projects or, if none is named, your own first one."""
    upload = parts.library.begin(body.name, body.size, body.project)
    return UploadState(id=upload.id, offset=0)


@router.get("/uploads/{upload_id}")
def get_upload(upload: ChosenUpload) -> UploadState:
    """Where the next piece has to begin."""
    return UploadState(id=upload.id, offset=upload.offset)


@router.put("/uploads/{upload_id}")
async def put_piece(
    request: Request, upload: ChosenUpload, parts: Parts, offset: Annotated[int, Query(ge=0)]
) -> UploadState:
    """The next piece, as raw bytes."""
    piece = bytearray()
    async for chunk in request.stream():
        piece += chunk
        if len(piece) > MOST_PIECE:
            raise Refused(413, f"a piece may have {MOST_PIECE} bytes")
    there = await asyncio.to_thread(parts.library.append, upload, offset, bytes(piece))
    return UploadState(id=upload.id, offset=there)


@router.post("/uploads/{upload_id}/finish")
def finish_upload(upload: ChosenUpload, parts: Parts) -> MediaItem:
    return _item(parts.library.finish(upload), 0)


# -- imports ----------------------------------------------------------------------------------------------------------


@router.post("/media/{media_id}/imports")
async def import_masks(body: ImportBegin, media: ChosenMedia, parts: Parts) -> Imported:
    """Makes objects of the masks in an upload, which is used up: one edit, which can be taken back."""
    upload = chosen_upload(body.upload, parts)
    if body.frame >= media.frames:
        raise Refused(422, f"{media.name} has {media.frames} frames, there is no frame {body.frame}")

    def read() -> tuple[Masklet, ...]:
        clip = parts.studio.clips.get(media)
        with parts.library.taken(upload) as path:
            return read_apart(MaskFile(path=path, name=upload.name), clip, body.frame, parts.settings.limits)

    masklets = await asyncio.to_thread(read)
    bench = await parts.studio.open(media)
    change = await asyncio.wrap_future(
        parts.studio.worker.submit(Urgency.COMMAND, lambda: bench.import_masks(masklets, body.every))
    )
    numbers = [record.object for record in change.objects]
    return Imported(objects=numbers, masks=len(change.masks), prompts=len(change.prompts))


# -- exports ----------------------------------------------------------------------------------------------------------


@router.post("/media/{media_id}/exports")
def begin_export(body: ExportBegin, media: ChosenMedia, parts: Parts) -> ExportBegun:
    order = ExportOrder(
        kind=body.format,
        objects=None if body.objects is None else tuple(body.objects),
        start=body.start,
        stop=body.stop,
        effects=effects_from_json(body.effects),
    )
    return ExportBegun(id=parts.exports.start(media, order).id)


@router.get("/exports/{export_id}")
def get_export(export: ChosenExport) -> ExportState:
    return ExportState(state=export.state, progress=export.progress, error=export.error, name=export.name)


@router.get("/exports/{export_id}/file", response_class=FileResponse)
def get_export_file(export: ChosenExport) -> FileResponse:
    if export.state != "done" or export.file is None:
        raise Refused(409, f"the export is {export.state}")
    return FileResponse(export.file, filename=export.name, headers={"Cache-Control": "private, no-store"})


def _item(media: Media, objects: int) -> MediaItem:
    return MediaItem.model_validate(describe_media(media, objects))


def _has(request: Request, mark: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return mark in (part.strip().removeprefix("W/") for part in known.split(","))


def _unchanged(mark: str) -> Response:
    return Response(status_code=304, headers={"ETag": mark, "Cache-Control": _FOR_EVER})


def _jpeg(data: bytes, mark: str) -> Response:
    return Response(data, media_type="image/jpeg", headers={"ETag": mark, "Cache-Control": _FOR_EVER})
