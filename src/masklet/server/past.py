"""HTTP for what a media was: its edits, and its state after any of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from masklet.server.errors import Refused
from masklet.server.rest import ChosenMedia, Parts
from masklet.store import Key, Revision, State

router = APIRouter(prefix="/api/media/{media_id}")
MOST_REVISIONS = 1000
MOST_MASKS = 4096
"""Masks in one answer, unless one frame has more."""
_MOST = 2**31 - 1

Number = Annotated[int, Path(ge=1, le=_MOST)]
Frame = Annotated[int, Query(ge=0, le=_MOST)]
After = Annotated[int, Query(ge=0, le=_MOST)]
Count = Annotated[int, Query(ge=1, le=MOST_REVISIONS)]


class RevisionItem(BaseModel):
    """An edit: what it was, who made it and when, and the revision it builds on (null: the media as it came)."""

    id: int
    parent: int | None
    kind: str
    author: str
    created: str
    payload: dict[str, Any]


class History(BaseModel):
    """Edits in their order, those taken back included; `head` is the one that the media stands at."""

    head: int | None
    revisions: list[RevisionItem]


class MoveItem(BaseModel):
    """A revision was taken back ("undo") or made again ("redo"): by whom, and when."""

    id: int
    kind: Literal["undo", "redo"]
    revision: int
    author: str
    created: str


class Moves(BaseModel):
    """Undos and redos in their order."""

    moves: list[MoveItem]


class PastObject(BaseModel):
    id: int
    name: str
    colour: str
    hidden: bool
    locked: bool


class PastPrompt(BaseModel):
    """`prompt`: points, labels, box; or that the frame's mask was drawn."""

    object: int
    frame: int
    prompt: dict[str, Any]


class PastMask(BaseModel):
    """`counts`: COCO run lengths of the full-size frame; `score` and `iou` as the model gave them."""

    object: int
    frame: int
    counts: str
    score: float
    iou: float
    visible: bool
    prompted: bool
    edited: bool


class PastState(BaseModel):
    """A media as a revision left it: all objects and effects, prompts and masks of frames `start` .. `stop` - 1."""

    revision: RevisionItem
    start: int
    stop: int
    objects: list[PastObject]
    prompts: list[PastPrompt]
    masks: list[PastMask]
    effects: list[dict[str, Any]]


@router.get("/revisions")
def list_revisions(
    media: ChosenMedia,
    parts: Parts,
    after: After = 0,
    count: Count = MOST_REVISIONS,
) -> History:
    """The edits of a media, `count` of those with numbers above `after`."""
    found = parts.store.revisions(media.id, after, count)
    return History(head=parts.store.head(media.id), revisions=[_item(revision) for revision in found])


@router.get("/revisions/{number}")
def get_revision(
    media: ChosenMedia, number: Number, parts: Parts, start: Frame = 0, stop: Frame | None = None
) -> PastState:
    """A media as it was after an edit. Where there are many masks, `stop` of the answer is where to go on."""
    found = parts.store.revisions(media.id, number - 1, 1)
    if not found or found[0].id != number:
        raise Refused(404, f"{media.name} has no revision {number}")
    state = parts.store.state(media.id, number)
    stop = media.frames if stop is None else min(stop, media.frames)
    masks, stop = _masks_between(state, start, stop)
    rles = parts.store.masks([state.masks[thing][frame].row for thing, frame in masks], media.height, media.width)
    return PastState(
        revision=_item(found[0]),
        start=start,
        stop=stop,
        objects=[
            PastObject(
                id=record.object, name=record.name, colour=record.colour, hidden=record.hidden, locked=record.locked
            )
            for _, record in sorted(state.objects.items())
        ],
        prompts=[
            PastPrompt(object=thing, frame=frame, prompt=dict(prompt))
            for thing, prompts in sorted(state.prompts.items())
            for frame, prompt in sorted(prompts.items())
            if start <= frame < stop
        ],
        masks=[
            PastMask(
                object=thing,
                frame=frame,
                counts=rles[entry.row].counts.decode("ascii"),
                score=entry.score,
                iou=entry.iou,
                visible=entry.visible,
                prompted=entry.prompted,
                edited=entry.edited,
            )
            for thing, frame in masks
            if (entry := state.masks[thing][frame])
        ],
        effects=parts.store.effects(state.effects),
    )


@router.get("/moves")
def list_moves(
    media: ChosenMedia,
    parts: Parts,
    after: After = 0,
    count: Count = MOST_REVISIONS,
) -> Moves:
    """Who took edits of a media back and made them again, `count` of those with numbers above `after`."""
    return Moves(
        moves=[
            MoveItem(
                id=move.id,
                kind=move.kind,
                revision=move.revision,
                author=move.author,
                created=move.created.isoformat(),
            )
            for move in parts.store.moves(media.id, after, count)
        ]
    )


def _masks_between(state: State, start: int, stop: int) -> tuple[list[Key], int]:
    """Objects and frames of the masks of as many whole frames as fit into an answer, and the frame behind them."""
    keys = sorted(
        ((thing, frame) for thing, masks in state.masks.items() for frame in masks if start <= frame < stop),
        key=lambda key: (key[1], key[0]),
    )
    if len(keys) <= MOST_MASKS:
        return keys, stop
    cut = max(keys[MOST_MASKS][1], keys[0][1] + 1)
    return [key for key in keys if key[1] < cut], cut


def _item(revision: Revision) -> RevisionItem:
    return RevisionItem(
        id=revision.id,
        parent=revision.parent,
        kind=revision.kind,
        author=revision.author,
        created=revision.created.isoformat(),
        payload=dict(revision.payload),
    )
