"""A media that people work on: its state, its edits, and the pages that look at it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from masklet.masks import FrameMask, Rle
from masklet.server.lanes import lane, spans
from masklet.server.messages import Kind, MaskMessage
from masklet.server.outbox import Outbox
from masklet.server.visitors import visitor
from masklet.store import Applied, Change, Conflict, MaskEntry, MaskRecord, Media, ObjectRecord, State, Store

_RESENT = 512
"""Masks that come back with an undo are sent up to this many; the page asks for the others when it shows them."""


class Live:
    """The state of one media as the store has it, and the pages to be told of every change. For any thread.

    Parameters
    ----------
    media, store
        What is worked on, and where it is kept.

    Attributes
    ----------
    lock
        Held around every change of the state; to be held by whoever decides by the state what to change, outside of
        the worker's thread.
    """

    def __init__(self, media: Media, store: Store) -> None:
        self.media = media
        self._store = store
        self.lock = threading.RLock()
        self._state = store.state(media.id)
        self._sequence = 0
        self._given_out = 0  # the last of the objects' numbers
        self._outboxes: list[Outbox] = []
        self.job: dict[str, Any] | None = None
        self.left = time.monotonic()

    # -- pages --------------------------------------------------------------------------------------------------------

    @property
    def pages(self) -> int:
        """How many pages look at the media."""
        return len(self._outboxes)

    def join(self, outbox: Outbox) -> None:
        """A page comes: its first message is the whole state, then it gets every change."""
        with self.lock:
            self._sequence += 1
            state = self._state
            hello = {
                "type": "hello",
                "sequence": self._sequence,
                "media": describe_media(self.media, len(state.objects)),
                "objects": self._objects(),
                "lanes": {str(number): self._lane(number) for number in state.objects},
                "undo": state.can_undo,
                "redo": state.can_redo,
                "effects": self.effects_row,
                "job": self.job,
            }
            self._outboxes.append(outbox)
            outbox.post(_text(hello))

    def leave(self, outbox: Outbox) -> None:
        with self.lock:
            self._outboxes.remove(outbox)
            self.left = time.monotonic()

    def dismiss(self) -> None:
        """Sends every page away; those that come back begin anew."""
        with self.lock:
            for outbox in self._outboxes:
                outbox.dismiss()

    def tell(self, message: Mapping[str, Any]) -> None:
        """Sends a message that changes no state."""
        with self.lock:
            text = _text(message)
            for outbox in self._outboxes:
                outbox.post(text)

    def send_masks(self, outbox: Outbox, wanted: Sequence[tuple[int, int]]) -> None:
        """Sends one page the stored masks of some objects and frames, as far as there are any."""
        with self.lock:
            self._post_masks([outbox], wanted)

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What holds now; for the worker's thread, which alone changes masks and prompts."""
        return self._state

    def read(self, entry: MaskEntry) -> Rle:
        """A stored mask."""
        return self._store.masks([entry.row], self.media.height, self.media.width)[entry.row]

    @property
    def effects_row(self) -> int:
        """Which effects hold, as pages are told: they ask for those that they do not know. 0: there never were any."""
        return self._state.effects.row or 0

    def effects(self) -> list[dict[str, Any]]:
        """The effects that hold, as JSON objects."""
        return self._store.effects(self._state.effects)

    def added_size(self, effects: Sequence[Mapping[str, Any]]) -> int:
        """How many bytes of pictures effects would add to what is kept of the media."""
        return self._store.added_size(self.media.id, effects)

    def stored(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Objects and frames that have a mask among frames `start` .. `stop` - 1, by frame."""
        with self.lock:
            found = [
                (frame, number)
                for number, masks in self._state.masks.items()
                for frame in (range(start, stop) if stop - start < len(masks) else list(masks))
                if frame in masks and start <= frame < stop
            ]
        return [(number, frame) for frame, number in sorted(found)]

    def object(self, number: int) -> ObjectRecord:
        """Raises ValueError where there is no such object."""
        record = self._state.objects.get(number)
        if record is None:
            known = ", ".join(str(known) for known in sorted(self._state.objects)) or "none"
            raise ValueError(f"there is no object {number}; objects: {known}")
        return record

    def editable(self, number: int) -> ObjectRecord:
        """An object that may be changed. Raises ValueError where it is locked or absent."""
        record = self.object(number)
        if record.locked:
            raise ValueError(f"object {number} ({record.name}) is locked")
        return record

    # -- edits --------------------------------------------------------------------------------------------------------

    def next_object(self, count: int = 1) -> int:
        """The number of the first of `count` new objects; nobody else gets them. Raises ValueError where there would be
        too many."""
        with self.lock:
            number = max(self._store.next_object(self.media.id), self._given_out + 1)
            if number + count > 2**16:
                raise ValueError("a media holds at most 65535 objects")
            self._given_out = number + count - 1
            return number

    def commit(self, kind: str, payload: Mapping[str, Any], change: Change) -> Applied:
        """Stores an edit of the visitor, then tells every page. Raises ValueError where the media was changed
        elsewhere."""
        with self.lock:
            try:
                applied = self._store.append(
                    self.media.id,
                    self._state.head,
                    kind=kind,
                    author=visitor().name,
                    payload=payload,
                    change=change,
                    added_by=visitor().user,
                )
            except Conflict:
                self._start_over()
                raise
            # Where there are many, pages ask for those that they show.
            few = len(change.masks) <= _RESENT
            self._follow(applied, {(record.object, record.frame): record for record in change.masks} if few else None)
            return applied

    def undo(self) -> Applied:
        """Takes the last edit back. Raises ValueError where there is none."""
        return self._swap(self._store.undo, "there is nothing to take back")

    def redo(self) -> Applied:
        """Makes the last edit that was taken back again. Raises ValueError where there is none."""
        return self._swap(self._store.redo, "there is nothing to do again")

    def add_effects(self, revision: int, effects: Sequence[Mapping[str, Any]]) -> None:
        """Stores effects of an edit of the visitor that goes on, then tells every page."""
        with self.lock:
            self._state.effects = self._store.add_effects(self.media.id, revision, effects, visitor().user)
            self._tell_objects()

    def add_masks(self, revision: int, records: Sequence[MaskRecord]) -> None:
        """Stores masks of a tracking run, then sends them."""
        with self.lock:
            entries = self._store.add_masks(self.media.id, revision, records)
            for (number, frame), entry in entries.items():
                assert entry is not None
                self._state.masks.setdefault(number, {})[frame] = entry
            for record in records:
                self._post_mask(self._outboxes, record.object, record.mask, edited=record.edited)

    def tell_lanes(self, numbers: Iterable[int]) -> float:
        """Sends the lanes of some objects, null for those that are gone; returns how long it took in seconds."""
        began = time.monotonic()
        with self.lock:
            lanes = {
                str(number): self._lane(number) if number in self._state.objects else None for number in sorted(numbers)
            }
            if lanes:
                self._tell_change({"type": "lanes", "lanes": lanes})
        return time.monotonic() - began

    def _swap(self, move: Any, nothing: str) -> Applied:
        with self.lock:
            try:
                applied: Applied | None = move(self.media.id, self._state.head, author=visitor().name)
            except Conflict:
                self._start_over()
                raise
            if applied is None:
                raise ValueError(nothing)
            self._follow(applied, None)
            return applied

    def _follow(self, applied: Applied, sent: Mapping[tuple[int, int], MaskRecord] | None) -> None:
        self._state.apply(applied)
        self._tell_objects()  # before their masks: a page knows what it shows
        gone = [key for key, entry in applied.masks.items() if entry is None or sent is None]
        for number, frames in _by_object(gone).items():
            self._tell_change({"type": "dropped", "object": number, "frames": spans(frames)})
        kept = [key for key, entry in applied.masks.items() if entry is not None]
        if sent is None:
            self._post_masks(self._outboxes, sorted(kept, key=lambda key: key[1])[:_RESENT])
        else:
            for number, frame in kept:
                record = sent[number, frame]
                self._post_mask(self._outboxes, number, record.mask, edited=record.edited)
        self.tell_lanes({number for number, _ in (*applied.masks, *applied.prompts)} | set(applied.objects))

    def _start_over(self) -> None:
        self._state = self._store.state(self.media.id)
        self.dismiss()

    def _lane(self, number: int) -> dict[str, Any]:
        return lane(self._state.masks.get(number, {}), self._state.prompts.get(number, {}))

    def _objects(self) -> list[dict[str, Any]]:
        return [describe_object(record) for _, record in sorted(self._state.objects.items())]

    def _tell_objects(self) -> None:
        self._tell_change(
            {
                "type": "objects",
                "objects": self._objects(),
                "undo": self._state.can_undo,
                "redo": self._state.can_redo,
                "effects": self.effects_row,
            }
        )

    def _tell_change(self, message: Mapping[str, Any]) -> None:
        self._sequence += 1
        self.tell({**message, "sequence": self._sequence})

    def _post_masks(self, outboxes: Collection[Outbox], wanted: Sequence[tuple[int, int]]) -> None:
        entries = [(*key, entry) for key in wanted if (entry := self._state.masks.get(key[0], {}).get(key[1]))]
        rles = self._store.masks([entry.row for _, _, entry in entries], self.media.height, self.media.width)
        for number, frame, entry in entries:
            self._post_mask(outboxes, number, entry.with_runs(frame, rles[entry.row]), edited=entry.edited)

    def _post_mask(self, outboxes: Iterable[Outbox], number: int, mask: FrameMask | None, *, edited: bool) -> None:
        assert mask is not None
        self._sequence += 1
        message = MaskMessage(kind=Kind.STORED, object=number, number=self._sequence, mask=mask, edited=edited)
        data = message.encode()
        for outbox in outboxes:
            outbox.post(data, mask=((number, mask.frame), self._sequence))


def describe_media(media: Media, objects: int) -> dict[str, Any]:
    """A media as the page is told of it."""
    return {
        "id": media.id,
        "name": media.name,
        "kind": media.kind,
        "width": media.width,
        "height": media.height,
        "frames": media.frames,
        "fps": media.fps,
        "objects": objects,
        "created": media.created.isoformat(),
        "changed": media.changed.isoformat(),
        "project": media.project_id,
    }


def describe_object(record: ObjectRecord) -> dict[str, Any]:
    """An object as the page is told of it."""
    return {
        "id": record.object,
        "name": record.name,
        "colour": record.colour,
        "hidden": record.hidden,
        "locked": record.locked,
    }


def _by_object(keys: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, frame in keys:
        found.setdefault(number, []).append(frame)
    return found


def _text(message: Mapping[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))
