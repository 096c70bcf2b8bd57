"""HTTP for effects: those that a media is worked on with, and single frames with effects."""

from __future__ import annotations

import asyncio
import io
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from masklet.export import effects_from_json
from masklet.export.effects import MOST_EFFECTS
from masklet.server.errors import Refused
from masklet.server.rest import ChosenMedia, Parts

router = APIRouter(prefix="/api/media/{media_id}")


class Effects(BaseModel):
    """Effects in their order, each with its `kind`, its `target` and its parameters (docs/effects.md)."""

    model_config = ConfigDict(extra="forbid")
    effects: Annotated[list[dict[str, Any]], Field(max_length=MOST_EFFECTS)]


class KeptEffects(BaseModel):
    """The effects of a media; `number` is which these are, as the WebSocket tells it (0: there never were any)."""

    number: int
    effects: list[dict[str, Any]]


@router.get("/effects")
def get_effects(media: ChosenMedia, parts: Parts) -> KeptEffects:
    """The effects of a media."""
    entry = parts.store.effects_now(media.id)
    return KeptEffects(number=entry.row or 0, effects=parts.store.effects(entry))


@router.put("/effects")
async def put_effects(body: Effects, media: ChosenMedia, parts: Parts) -> KeptEffects:
    """Gives a media effects in place of those before: one edit, which can be taken back."""
    bench = await parts.studio.open(media)
    await asyncio.to_thread(bench.effects.put, body.effects, None)
    return await asyncio.to_thread(get_effects, media, parts)


@router.post("/frames/{frame}.png", response_class=Response)
def frame_with_effects(
    body: Effects, media: ChosenMedia, parts: Parts, frame: Annotated[int, Path(ge=0, lt=2**31)]
) -> Response:
    """A frame with effects as PNG, with alpha where something is cut out."""
    if frame >= media.frames:
        raise Refused(404, f"{media.name} has {media.frames} frames, there is no frame {frame}")
    picture = parts.exports.picture(media, frame, effects_from_json(body.effects))
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=4)
    return Response(out.getvalue(), media_type="image/png", headers={"Cache-Control": "private, no-store"})
