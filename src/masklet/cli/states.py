"""Saved states of an unfinished tracking run: `state-N` is the session after N frames of the journal."""

from __future__ import annotations

import time
from pathlib import Path

from masklet.session import VideoSession

SAVE_EVERY = 10.0
"""Seconds of tracking between two saved states: what a killed run loses at most."""

SAVE_SHARE = 20
"""A state that took t seconds to save is not followed by another within this many times t."""

PREFIX = "state-"


class States:
    """The states in a run's folder. At most one is kept: the newest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._due = time.monotonic() + SAVE_EVERY

    def save(self, session: VideoSession, count: int) -> None:
        """Save the state after `count` frames of the journal, in place of older ones."""
        began = time.monotonic()
        target = self._folder / f"{PREFIX}{count}"
        session.save(target)
        for old in self._all().values():
            if old != target:
                old.unlink()
        now = time.monotonic()
        self._due = now + max(SAVE_EVERY, SAVE_SHARE * (now - began))

    def save_if_due(self, session: VideoSession, count: int) -> None:
        """Save if the last state is old enough."""
        if time.monotonic() >= self._due:
            self.save(session, count)

    def newest(self, count: int) -> tuple[Path | None, int]:
        """The newest state that `count` frames of the journal cover, and its own number of frames; else (None, 0)."""
        done, path = max(((n, p) for n, p in self._all().items() if n <= count), default=(0, None))
        return path, done

    def forget(self) -> None:
        """Remove all states."""
        for path in self._all().values():
            path.unlink()

    def _all(self) -> dict[int, Path]:
        found = self._folder.glob(f"{PREFIX}*")
        return {int(n): path for path in found if (n := path.name.removeprefix(PREFIX)).isdecimal()}
