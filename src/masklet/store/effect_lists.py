"""Rows of effects. A picture among them is kept once a media, however often the list around it changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from masklet.store.tables import effects, texts

_LONG = 1024
"""Characters from which on a text is kept aside, by its hash."""


def add(
    connection: Connection,
    media_id: str,
    revision: int,
    records: Sequence[Mapping[str, Any]],
    added_by: int | None,
) -> int:
    """Adds effects to a revision; returns their row. Their pictures that the media does not have yet count for the user
    `added_by`."""
    long: dict[str, str] = {}
    kept = [{name: _put_aside(value, long) for name, value in record.items()} for record in records]
    rows = [
        {"media_id": media_id, "hash": key, "text": text, "added_by": added_by, "size": _size(text)}
        for key, text in _unknown(connection, media_id, long).items()
    ]
    if rows:
        connection.execute(insert(texts), rows)
    values = {"media_id": media_id, "revision_id": revision, "effects": kept}
    return connection.execute(insert(effects).values(values).returning(effects.c.id)).scalar_one()


def added_size(connection: Connection, media_id: str, records: Sequence[Mapping[str, Any]]) -> int:
    """The bytes of the pictures that `add` would add to those of a media."""
    long: dict[str, str] = {}
    for record in records:
        for value in record.values():
            _put_aside(value, long)
    return sum(map(_size, _unknown(connection, media_id, long).values()))


def read(connection: Connection, row: int) -> list[dict[str, Any]]:
    """The effects of a row."""
    found = connection.execute(select(effects.c.media_id, effects.c.effects).where(effects.c.id == row)).one()
    wanted = {value["hash"] for record in found.effects for value in record.values() if isinstance(value, dict)}
    ours = select(texts.c.hash, texts.c.text).where(texts.c.media_id == found.media_id, texts.c.hash.in_(wanted))
    long = {text.hash: text.text for text in connection.execute(ours)}
    return [
        {name: long[value["hash"]] if isinstance(value, dict) else value for name, value in record.items()}
        for record in found.effects
    ]


def _unknown(connection: Connection, media_id: str, long: Mapping[str, str]) -> dict[str, str]:
    """The texts that the media does not have yet, by their hashes."""
    if not long:
        return {}
    ours = select(texts.c.hash).where(texts.c.media_id == media_id, texts.c.hash.in_(long))
    known = set(connection.execute(ours).scalars())
    return {key: text for key, text in long.items() if key not in known}


def _size(text: str) -> int:
    return len(text.encode())


def _put_aside(value: Any, long: dict[str, str]) -> Any:
    assert not isinstance(value, Mapping), "values of effects are numbers and texts"
    if not isinstance(value, str) or len(value) < _LONG:
        return value
    key = hashlib.sha256(value.encode()).hexdigest()
    long[key] = value
    return {"hash": key}
