"""HTTP for effects: those that a media is worked on with, and single frames with effects."""

from __future__ import annotations

import io
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from masklet.export import effects_from_json
from masklet.export.effects import MOST_EFFECTS
from masklet.server.effect_shelf import keep_effects, kept_effects
from masklet.server.errors import Refused
from masklet.server.rest import ChosenMedia, Parts

router = APIRouter(prefix="/api/media/{media_id}")


class Effects(BaseModel):
    """Effects in their order, each with its `kind`, its `target` and its parameters (docs/effects.md)."""

    model_config = ConfigDict(extra="forbid")
    effects: Annotated[list[dict[str, Any]], Field(max_length=MOST_EFFECTS)]


@router.get("/effects")
def get_effects(media: ChosenMedia, parts: Parts) -> Effects:
    """The effects that were kept with the media last."""
    return Effects(effects=kept_effects(parts.settings.data, media.id))


@router.put("/effects")
def put_effects(body: Effects, media: ChosenMedia, parts: Parts) -> Effects:
    """Keeps effects with the media, in place of those before."""
    effects = [effect.to_json() for effect in effects_from_json(body.effects)]
    keep_effects(parts.settings.data, media.id, effects)
    return Effects(effects=effects)


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
