"""Changes of a session that can be taken back, and done again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from masklet.session.objects import ObjectState, ObjectTable, Pending
from masklet.session.prompts import Prompt
from masklet.session.records import Memory

_STEPS = 100


class History:
    """The last changes of a table of objects."""

    def __init__(self, table: ObjectTable) -> None:
        self._table = table
        self._undo: list[Edit] = []
        self._redo: list[Edit] = []

    def remember(self, object_ids: Iterable[int], frames: Iterable[int]) -> None:
        """Keeps some objects as they are before a change that touches, of their tracked frames, only `frames`."""
        self._undo.append(capture(self._table, object_ids, frames))
        del self._undo[:-_STEPS]
        self._redo.clear()

    def undo(self) -> bool:
        """Takes the last change back; False if there is none."""
        return self._swap(self._undo, self._redo)

    def redo(self) -> bool:
        """Does again what `undo` took back; False if there is nothing."""
        return self._swap(self._redo, self._undo)

    def _swap(self, source: list[Edit], target: list[Edit]) -> bool:
        if not source:
            return False
        target.append(restore(self._table, source.pop()))
        return True


@dataclass(slots=True)
class _Snapshot:
    state: ObjectState
    prompts: dict[int, Prompt]
    pending: dict[int, Pending]
    conditioning: dict[int, Memory]
    tracked: dict[int, Memory | None]
    visited: dict[int, bool | None]


@dataclass(slots=True)
class Edit:
    """Some objects as they were: restoring it takes a change back. None stands for an object that was not there."""

    order: list[int]
    objects: dict[int, _Snapshot | None]
    frames: tuple[int, ...]


def capture(table: ObjectTable, object_ids: Iterable[int], frames: Iterable[int]) -> Edit:
    """The state of some objects; of their tracked frames only `frames`, which are all that a change touches."""
    frames = tuple(frames)
    snapshots: dict[int, _Snapshot | None] = {}
    for object_id in object_ids:
        state = table.get(object_id)
        snapshots[object_id] = state and _Snapshot(
            state,
            dict(state.prompts),
            dict(state.pending),
            dict(state.bank.conditioning),
            {frame: state.bank.tracked.get(frame) for frame in frames},
            {frame: state.visited.get(frame) for frame in frames},
        )
    return Edit(list(table), snapshots, frames)


def restore(table: ObjectTable, edit: Edit) -> Edit:
    """Puts the captured state back and returns the state that it replaced."""
    replaced = capture(table, edit.objects, edit.frames)
    for object_id, snapshot in edit.objects.items():
        if snapshot is None:
            table.pop(object_id, None)
            continue
        state = snapshot.state
        state.prompts = dict(snapshot.prompts)
        state.pending = dict(snapshot.pending)
        state.bank.conditioning = dict(snapshot.conditioning)
        for frame, record in snapshot.tracked.items():
            if record is None:
                state.bank.tracked.pop(frame)
            else:
                state.bank.tracked.put(frame, record)
        for frame, reverse in snapshot.visited.items():
            if reverse is None:
                state.visited.pop(frame, None)
            else:
                state.visited[frame] = reverse
        table[object_id] = state
    entries = {object_id: table[object_id] for object_id in edit.order if object_id in table}
    table.clear()
    table.update(entries)
    return replaced
