"""The model's side of a media: its session, made when first needed, kept in step with the store.

The store is what holds; the session is what the model remembers of it. Where the session cannot follow a change it is
dropped, and made again from the stored prompts when the next command needs it. For the worker's thread only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from masklet.masks import Rle
from masklet.masks.rle import iou
from masklet.session import FrameResult, Prompt, VideoSession
from masklet.store import Applied, MaskEntry, State

SAME_MASK = 0.95
"""IoU from which on a prompt that is applied again counts as having led to the stored mask."""
MOST_CHANGES = 100
"""Changes of a session that can be taken back."""
_NO_EFFECT = {"object-add", "object-change", "effects"}

ReadMask = Callable[[MaskEntry], Rle]


class ModelSide:
    """A session that may or may not be there.

    Parameters
    ----------
    make
        Opens a session without prompts.
    read
        Reads a stored mask.

    Attributes
    ----------
    used
        When the session was last used, by `time.monotonic`.
    """

    def __init__(self, make: Callable[[], VideoSession], read: ReadMask) -> None:
        self._make = make
        self._read = read
        self._session: VideoSession | None = None
        self._edits: list[int] = []
        self._taken_back: list[int] = []
        self.touch()

    def touch(self) -> None:
        """The session is used."""
        self.used = time.monotonic()

    @property
    def there(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    def ready(self, state: State) -> VideoSession:
        """The session, with all prompts of `state`."""
        self.touch()
        if self._session is None:
            session = self._make()
            try:
                for number in state.objects:
                    self._restore(session, number, state)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session

    def knows(self, number: int) -> bool:
        """Whether there is a session, and it has the object."""
        return self._session is not None and number in self._session.object_ids

    def made(self, revision: int, changes: int = 1) -> None:
        """The session has made changes that are one revision of the store."""
        self._edits.extend([revision] * changes)
        del self._edits[:-MOST_CHANGES]
        self._taken_back.clear()

    def undone(self, applied: Applied) -> None:
        """Follows an undo of the store."""
        session, number = self._session, applied.revision.id
        if session is None or applied.revision.kind in _NO_EFFECT:
            return
        if applied.revision.kind == "track":
            self._forget(session, applied.masks)
        else:
            self._walk(number, self._edits, self._taken_back, session.undo)

    def redone(self, applied: Applied) -> None:
        """Follows a redo of the store. What a tracking run left in the model's memory does not come back."""
        session, number = self._session, applied.revision.id
        if session is None or applied.revision.kind in _NO_EFFECT or applied.revision.kind == "track":
            return
        self._walk(number, self._taken_back, self._edits, session.redo)

    def drop(self) -> None:
        """Closes the session, if there is one."""
        if self._session is not None:
            self._session.close()
        self._session = None
        self._edits.clear()
        self._taken_back.clear()

    def _walk(self, revision: int, source: list[int], target: list[int], step: Callable[[], bool]) -> None:
        """Takes all changes of a revision from one pile to the other; where there are none, drops the session."""
        if source[-1:] != [revision]:
            self.drop()
            return
        while source[-1:] == [revision]:
            if not step():
                self.drop()
                return
            target.append(source.pop())

    def _forget(self, session: VideoSession, touched: Collection[tuple[int, int]]) -> None:
        frames: dict[int, list[int]] = {}
        for number, frame in touched:
            frames.setdefault(number, []).append(frame)
        for number in frames.keys() & set(session.object_ids):
            session.forget(number, frames[number])

    def _restore(self, session: VideoSession, number: int, state: State) -> None:
        """Applies an object's prompts again, in the order of their frames. Where they no longer lead to the mask that
        was stored (corrections, which the model made with its memory; masks that were drawn or chosen), that mask is
        the prompt."""
        masks = state.masks.get(number, {})
        for frame, stored in sorted(state.prompts.get(number, {}).items()):
            wanted = self._read(masks[frame]) if frame in masks else None
            if not is_drawn(stored):
                result = point_at(session, frame, number, Prompt.from_json(dict(stored)))
                found = Rle.encode(result.objects[number].mask)
                if wanted is None or iou(found, wanted) >= SAME_MASK:
                    continue
            if wanted:
                session.prompt(frame, number, mask=wanted.decode())


def drawn() -> dict[str, Any]:
    """The stored prompt of a frame whose mask was given: the mask itself is stored once, as the frame's mask."""
    return {"drawn": True}


def is_drawn(stored: Mapping[str, Any]) -> bool:
    """Whether a stored prompt says that the frame's stored mask is the prompt."""
    return "drawn" in stored


def point_at(session: VideoSession, frame: int, number: int, prompt: Prompt) -> FrameResult:
    """Clicks and box in place of an object's earlier prompt on a frame. Raises ValueError as the session does."""
    return session.prompt(
        frame,
        number,
        points=prompt.points or None,
        labels=prompt.labels or None,
        box=prompt.box,
    )
