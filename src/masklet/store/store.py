"""The store: media, and the edits that people make on them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from masklet.masks import Rle
from masklet.store import effect_lists, history
from masklet.store.accounts import Accounts
from masklet.store.database import open_engine, reading, writing
from masklet.store.records import (
    LOCAL_PROJECT,
    Applied,
    Change,
    Conflict,
    EffectsEntry,
    Key,
    MaskEntry,
    MaskRecord,
    Media,
    Move,
    Revision,
    State,
)
from masklet.store.tables import heads, masks, media, members, moves, objects, prompts, revisions, texts

_AT_ONCE = 500


class Store:
    """Media and their revisions in a database, for any number of threads.

    Every edit is a revision on top of the one that the media stands at; undo and redo move where it stands. An edit
    after an undo starts a new branch: the old one stays and can be shown, but redo leads along the newest.

    Parameters
    ----------
    url
        Of the database, such as `sqlite:///work.db` or `postgresql+psycopg://...`; its schema is made or brought up to
        date.

    Raises
    ------
    ValueError
        No database URL. SQLAlchemy's own errors where the database cannot be reached.

    Attributes
    ----------
    accounts
        Users, their logins, and projects.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self.accounts = Accounts(self._engine)

    def close(self) -> None:
        """Gives the connections back."""
        self._engine.dispose()

    # -- media --------------------------------------------------------------------------------------------------------

    def add_media(
        self,
        *,
        name: str,
        kind: str,
        path: str,
        uploaded: bool,
        width: int,
        height: int,
        frames: int,
        fps: float,
        project_id: str = LOCAL_PROJECT,
        added_by: int | None = None,
        size: int = 0,
    ) -> Media:
        """Enters a media and gives it an id that cannot be guessed."""
        now = datetime.now(UTC)
        record = Media(
            id=secrets.token_hex(12),
            name=name,
            kind=kind,
            path=path,
            uploaded=uploaded,
            width=width,
            height=height,
            frames=frames,
            fps=fps,
            created=now,
            changed=now,
            project_id=project_id,
            added_by=added_by,
            size=size,
        )
        with writing(self._engine) as connection:
            connection.execute(insert(media).values(asdict(record)))
            connection.execute(insert(heads).values(media_id=record.id, revision_id=None))
        return record

    def media(self) -> list[Media]:
        """All media, newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(media).order_by(media.c.created.desc(), media.c.id))
            return [Media(**row._mapping) for row in rows]

    def media_of(self, user: int) -> list[Media]:
        """The media of all projects that a user is a member of, newest first."""
        theirs = select(members.c.project_id).where(members.c.user_id == user)
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(media).where(media.c.project_id.in_(theirs)).order_by(media.c.created.desc(), media.c.id)
            )
            return [Media(**row._mapping) for row in rows]

    def uploaded_by(self, user: int) -> tuple[int, int]:
        """How many uploads of a user are there, and how many bytes they have together with the pictures among effects
        that the user brought."""
        found = select(func.count(), func.coalesce(func.sum(media.c.size), 0)).where(
            media.c.added_by == user, media.c.uploaded
        )
        pictures = select(func.coalesce(func.sum(texts.c.size), 0)).where(texts.c.added_by == user)
        with reading(self._engine) as connection:
            count, size = connection.execute(found).one()
            return count, int(size) + int(connection.execute(pictures).scalar_one())

    def find_media(self, media_id: str) -> Media | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(media).where(media.c.id == media_id)).one_or_none()
            return None if row is None else Media(**row._mapping)

    def delete_media(self, media_id: str) -> bool:
        """Deletes a media with all its revisions; False if there is none."""
        with writing(self._engine) as connection:
            return connection.execute(delete(media).where(media.c.id == media_id)).rowcount > 0

    def object_counts(self, media_ids: Sequence[str]) -> dict[str, int]:
        """How many objects media have now."""
        with reading(self._engine) as connection:
            chosen = select(heads.c.media_id, heads.c.revision_id).where(heads.c.media_id.in_(media_ids))
            rows = connection.execute(chosen).all()
            return {row.media_id: len(history.objects_at(connection, row.revision_id)) for row in rows}

    # -- edits --------------------------------------------------------------------------------------------------------

    def state(self, media_id: str, revision: int | None = None) -> State:
        """A media as it is now, or as it was at one of its revisions. Raises ValueError where there is none."""
        with reading(self._engine) as connection:
            number = history.head(connection, media_id)
            if revision is not None:
                self._check(connection, media_id, revision)
                number = revision
            state = State(head=number, can_undo=number is not None)
            state.can_redo = history.newest_child(connection, media_id, number) is not None
            state.objects = history.objects_at(connection, number)
            for (thing, frame), prompt in history.prompts_at(connection, number).items():
                state.prompts.setdefault(thing, {})[frame] = prompt
            for (thing, frame), entry in history.masks_at(connection, number).items():
                state.masks.setdefault(thing, {})[frame] = entry
            state.effects = history.effects_at(connection, number)
            return state

    def head(self, media_id: str) -> int | None:
        """The revision that a media stands at; None before its first edit. Raises ValueError where there is none."""
        with reading(self._engine) as connection:
            return history.head(connection, media_id)

    def revisions(self, media_id: str, after: int = 0, count: int | None = None) -> list[Revision]:
        """All edits of a media, in the order in which they were made, those taken back included; or `count` of them,
        those whose number is above `after`."""
        wanted = select(revisions).where(revisions.c.media_id == media_id, revisions.c.id > after)
        with reading(self._engine) as connection:
            found = connection.execute(wanted.order_by(revisions.c.id).limit(count))
            return [history.as_revision(row) for row in found]

    def append(
        self,
        media_id: str,
        head: int | None,
        *,
        kind: str,
        author: str,
        payload: Mapping[str, Any],
        change: Change,
        added_by: int | None = None,
    ) -> Applied:
        """Makes an edit on the revision `head`, at which the caller believes the media to stand. Pictures among effects
        that the media does not have yet count for the user `added_by`.

        Raises
        ------
        Conflict
            It stands elsewhere.
        """
        now = datetime.now(UTC)
        with writing(self._engine) as connection:
            number = connection.execute(
                insert(revisions)
                .values(media_id=media_id, parent_id=head, kind=kind, author=author, created=now, payload=dict(payload))
                .returning(revisions.c.id)
            ).scalar_one()
            self._move(connection, media_id, head, number)
            connection.execute(update(media).where(media.c.id == media_id).values(changed=now))
            common = {"media_id": media_id, "revision_id": number}
            if change.objects:
                connection.execute(insert(objects), [asdict(record) | common for record in change.objects])
            if change.prompts:
                rows = [
                    {"object": record.object, "frame": record.frame, "prompt": _plain(record.prompt)} | common
                    for record in change.prompts
                ]
                connection.execute(insert(prompts), rows)
            entries = _insert_masks(connection, media_id, number, change.masks)
            effects = None
            if change.effects is not None:
                effects = EffectsEntry(effect_lists.add(connection, media_id, number, change.effects, added_by))
            return Applied(
                revision=history.revision(connection, number),
                head=number,
                can_undo=True,
                can_redo=False,
                objects={record.object: record if record.present else None for record in change.objects},
                prompts={(record.object, record.frame): record.prompt for record in change.prompts},
                masks=entries,
                effects=effects,
            )

    def add_masks(self, media_id: str, revision: int, records: Sequence[MaskRecord]) -> dict[Key, MaskEntry | None]:
        """Adds to an edit that goes on (a tracking run); where it has a mask already, the later one holds."""
        with writing(self._engine) as connection:
            self._check(connection, media_id, revision)
            return _insert_masks(connection, media_id, revision, records)

    def add_effects(
        self, media_id: str, revision: int, effects: Sequence[Mapping[str, Any]], added_by: int | None = None
    ) -> EffectsEntry:
        """Adds to an edit of effects that goes on (a slider that is dragged): the later ones hold. `added_by` as in
        `append`."""
        with writing(self._engine) as connection:
            self._check(connection, media_id, revision)
            return EffectsEntry(effect_lists.add(connection, media_id, revision, effects, added_by))

    def added_size(self, media_id: str, effects: Sequence[Mapping[str, Any]]) -> int:
        """How many bytes of pictures effects would add to what is kept of a media. A picture is kept once, and as long
        as the media is: every edit can be shown again."""
        with reading(self._engine) as connection:
            return effect_lists.added_size(connection, media_id, effects)

    def effects(self, entry: EffectsEntry) -> list[dict[str, Any]]:
        """Effects in their order, as JSON objects."""
        if entry.row is None:
            return []
        with reading(self._engine) as connection:
            return effect_lists.read(connection, entry.row)

    def effects_now(self, media_id: str) -> EffectsEntry:
        """Which effects a media has. Raises ValueError where there is no such media."""
        with reading(self._engine) as connection:
            return history.effects_at(connection, history.head(connection, media_id))

    def undo(self, media_id: str, head: int | None, *, author: str) -> Applied | None:
        """Takes the edit `head` back; None before the first. Raises Conflict where the media stands elsewhere."""
        with writing(self._engine) as connection:
            if head is None:
                self._move(connection, media_id, None, None)
                return None
            edit = history.revision(connection, head)
            self._move(connection, media_id, head, edit.parent)
            self._note_move(connection, media_id, "undo", head, author)
            return self._applied(connection, media_id, edit, edit.parent)

    def redo(self, media_id: str, head: int | None, *, author: str) -> Applied | None:
        """Makes the newest edit on `head` again; None if there is none. Raises Conflict as `undo` does."""
        with writing(self._engine) as connection:
            child = history.newest_child(connection, media_id, head)
            self._move(connection, media_id, head, head if child is None else child)
            if child is None:
                return None
            self._note_move(connection, media_id, "redo", child, author)
            return self._applied(connection, media_id, history.revision(connection, child), child)

    def moves(self, media_id: str, after: int = 0, count: int | None = None) -> list[Move]:
        """Who took edits back and made them again, in that order; `after` and `count` as in `revisions`."""
        wanted = select(moves).where(moves.c.media_id == media_id, moves.c.id > after).order_by(moves.c.id)
        with reading(self._engine) as connection:
            return [
                Move(id=row.id, kind=row.kind, revision=row.revision_id, author=row.author, created=row.created)
                for row in connection.execute(wanted.limit(count))
            ]

    def next_object(self, media_id: str) -> int:
        """A number that no object of the media ever had, counting from 1."""
        with reading(self._engine) as connection:
            last = connection.execute(
                select(func.max(objects.c.object)).where(objects.c.media_id == media_id)
            ).scalar_one()
            return 1 if last is None else last + 1

    def masks(self, rows: Sequence[int], height: int, width: int) -> dict[int, Rle]:
        """The run lengths of masks by their rows (see `MaskEntry`), of frames of `height` x `width` pixels."""
        found: dict[int, Rle] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(rows), _AT_ONCE):
                chosen = select(masks.c.id, masks.c.counts).where(masks.c.id.in_(rows[start : start + _AT_ONCE]))
                found.update((row.id, Rle(height, width, row.counts)) for row in connection.execute(chosen))
        return found

    def _check(self, connection: Connection, media_id: str, revision: int) -> None:
        wanted = select(revisions.c.id).where(revisions.c.id == revision, revisions.c.media_id == media_id)
        if connection.execute(wanted).one_or_none() is None:
            raise ValueError(f"media {media_id!r} has no revision {revision}")

    def _move(self, connection: Connection, media_id: str, head: int | None, target: int | None) -> None:
        stands = heads.c.revision_id.is_(None) if head is None else heads.c.revision_id == head
        moved = connection.execute(
            update(heads).where(heads.c.media_id == media_id, stands).values(revision_id=target)
        ).rowcount
        if not moved:
            raise Conflict(f"media {media_id!r} no longer stands at revision {head}: it was changed elsewhere")

    def _note_move(self, connection: Connection, media_id: str, kind: str, revision: int, author: str) -> None:
        now = datetime.now(UTC)
        row = {"media_id": media_id, "revision_id": revision, "kind": kind, "author": author, "created": now}
        connection.execute(insert(moves).values(row))

    def _applied(self, connection: Connection, media_id: str, edit: Revision, head: int | None) -> Applied:
        wanted = select(objects.c.object).where(objects.c.revision_id == edit.id)
        numbers = [row.object for row in connection.execute(wanted)]
        objects_now = history.objects_at(connection, head, of=numbers)
        prompts_now = history.prompts_at(connection, head, touched_by=edit.id)
        masks_now = history.masks_at(connection, head, touched_by=edit.id)
        return Applied(
            revision=edit,
            head=head,
            can_undo=head is not None,
            can_redo=history.newest_child(connection, media_id, head) is not None,
            objects={number: objects_now.get(number) for number in numbers},
            prompts={key: prompts_now.get(key) for key in history.touched(connection, prompts, edit.id)},
            masks={key: masks_now.get(key) for key in history.touched(connection, masks, edit.id)},
            effects=history.effects_at(connection, head) if history.touches_effects(connection, edit.id) else None,
        )


def _plain(prompt: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if prompt is None else dict(prompt)


def _insert_masks(
    connection: Connection, media_id: str, revision: int, records: Sequence[MaskRecord]
) -> dict[Key, MaskEntry | None]:
    if not records:
        return {}
    rows = [_mask_row(record) | {"media_id": media_id, "revision_id": revision} for record in records]
    added = connection.execute(insert(masks).returning(masks.c.id, sort_by_parameter_order=True), rows).scalars()
    entries: dict[Key, MaskEntry | None] = {}
    for row, record in zip(added, records, strict=True):
        mask = record.mask
        entries[record.object, record.frame] = (
            None if mask is None else MaskEntry(row, mask.score, mask.iou, mask.visible, mask.prompted, record.edited)
        )
    return entries


def _mask_row(record: MaskRecord) -> dict[str, Any]:
    mask = record.mask
    return {
        "object": record.object,
        "frame": record.frame,
        "counts": None if mask is None else mask.rle.counts,
        "score": 0.0 if mask is None else mask.score,
        "iou": 0.0 if mask is None else mask.iou,
        "visible": mask is not None and mask.visible,
        "prompted": mask is not None and mask.prompted,
        "edited": record.edited,
    }
