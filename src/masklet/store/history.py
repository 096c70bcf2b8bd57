"""Which rows hold at a revision: the newest of their key among it and its ancestors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Row, Select, Table, and_, exists, func, select

from masklet.store.records import EffectsEntry, Key, MaskEntry, ObjectRecord, Revision
from masklet.store.tables import effects, heads, masks, objects, prompts, revisions

_OBJECT_FIELDS = ("object", "name", "colour", "hidden", "locked", "present")
_MASK_FIELDS = ("object", "frame", "id", "score", "iou", "visible", "prompted", "edited")


def head(connection: Connection, media_id: str) -> int | None:
    """The revision that a media stands at; None before its first edit. ValueError: no such media."""
    row = connection.execute(select(heads.c.revision_id).where(heads.c.media_id == media_id)).one_or_none()
    if row is None:
        raise ValueError(f"there is no media {media_id!r}")
    return row[0]


def revision(connection: Connection, number: int) -> Revision:
    """A revision that exists."""
    return as_revision(connection.execute(select(revisions).where(revisions.c.id == number)).one())


def as_revision(row: Row[Any]) -> Revision:
    return Revision(
        id=row.id, parent=row.parent_id, kind=row.kind, author=row.author, created=row.created, payload=row.payload
    )


def newest_child(connection: Connection, media_id: str, parent: int | None) -> int | None:
    """What redo would make again: the last edit that was made on a revision."""
    after = revisions.c.parent_id.is_(None) if parent is None else revisions.c.parent_id == parent
    return connection.execute(
        select(func.max(revisions.c.id)).where(revisions.c.media_id == media_id, after)
    ).scalar_one()


def line(number: int) -> CTE:
    """A revision and its ancestors."""
    start = select(revisions.c.id, revisions.c.parent_id).where(revisions.c.id == number).cte("line", recursive=True)
    return start.union_all(
        select(revisions.c.id, revisions.c.parent_id).join(start, revisions.c.id == start.c.parent_id)
    )


def objects_at(connection: Connection, number: int | None, of: Iterable[int] | None = None) -> dict[int, ObjectRecord]:
    """The objects at a revision, those that were taken away left out; `of`: only these."""
    rows = _newest(connection, objects, _OBJECT_FIELDS, number)
    chosen = None if of is None else set(of)
    records = (ObjectRecord(**row._mapping) for row in rows)
    return {
        record.object: record for record in records if record.present and (chosen is None or record.object in chosen)
    }


def prompts_at(
    connection: Connection, number: int | None, touched_by: int | None = None
) -> dict[Key, Mapping[str, Any]]:
    """The prompts at a revision; `touched_by`: only of objects and frames that this revision has prompts of."""
    rows = _newest(connection, prompts, ("object", "frame", "prompt"), number, touched_by)
    return {(row.object, row.frame): row.prompt for row in rows if row.prompt is not None}


def masks_at(connection: Connection, number: int | None, touched_by: int | None = None) -> dict[Key, MaskEntry]:
    """The masks at a revision, without their run lengths; `touched_by` as in `prompts_at`."""
    rows = _newest(connection, masks, _MASK_FIELDS, number, touched_by, masks.c.counts.is_not(None).label("kept"))
    return {
        (row.object, row.frame): MaskEntry(row.id, row.score, row.iou, row.visible, row.prompted, row.edited)
        for row in rows
        if row.kept
    }


def effects_at(connection: Connection, number: int | None) -> EffectsEntry:
    """Which effects hold at a revision."""
    if number is None:
        return EffectsEntry(None)
    ancestors = line(number)
    # As in `_newest`: the row written last of the newest revision that has any.
    wanted = select(effects.c.id).join(ancestors, effects.c.revision_id == ancestors.c.id)
    newest = wanted.order_by(effects.c.revision_id.desc(), effects.c.id.desc()).limit(1)
    return EffectsEntry(connection.execute(newest).scalar_one_or_none())


def touches_effects(connection: Connection, number: int) -> bool:
    """Whether a revision has effects of its own."""
    return connection.execute(select(exists().where(effects.c.revision_id == number))).scalar_one()


def touched(connection: Connection, table: Table, number: int) -> list[Key]:
    """Objects and frames that a revision has rows of."""
    found = connection.execute(select(table.c.object, table.c.frame).where(table.c.revision_id == number).distinct())
    return [(row.object, row.frame) for row in found]


def _newest(
    connection: Connection,
    table: Table,
    fields: Sequence[str],
    number: int | None,
    touched_by: int | None = None,
    *more: ColumnElement[Any],
) -> Sequence[Row[Any]]:
    if number is None:
        return ()
    key = [table.c.object] + ([table.c.frame] if "frame" in table.c else [])
    ancestors = line(number)
    # Revisions of one line have ascending numbers; within one (a tracking run) the row written last holds.
    order = func.row_number().over(partition_by=key, order_by=(table.c.revision_id.desc(), table.c.id.desc()))
    ranked: Select[Any] = select(*(table.c[name] for name in fields), *more, order.label("rank")).join(
        ancestors, table.c.revision_id == ancestors.c.id
    )
    if touched_by is not None:
        other = table.alias("touched")
        same = and_(*(other.c[column.name] == column for column in key))
        ranked = ranked.where(exists().where(other.c.revision_id == touched_by, same))
    inner = ranked.subquery()
    wanted = [column for column in inner.c if column.name != "rank"]
    return connection.execute(select(*wanted).where(inner.c.rank == 1)).all()
