"""One run of tracking, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from masklet.session import FrameResult
from masklet.store import MaskRecord

_KEEPING_SHARE = 25
_LANES_EVERY = 0.25
_LANES_SHARE = 20


@dataclass(slots=True, kw_only=True)
class Job:
    """A run under way. `revision` is the edit to which its masks belong, `total` how many frames it will visit,
    `unkept` the masks that are not stored yet, by object and frame."""

    id: int
    revision: int
    objects: frozenset[int]
    results: Iterator[FrameResult]
    total: int
    frame: int
    done: int = 0
    stopping: bool = False
    began: float = field(default_factory=time.monotonic)
    unkept: dict[tuple[int, int], MaskRecord] = field(default_factory=dict)
    _keeping_due: float = 0.0
    _lanes_due: float = 0.0

    def describe(self) -> dict[str, Any]:
        """What the page is told."""
        seconds = time.monotonic() - self.began
        rate = self.done / seconds if seconds > 0 else 0.0
        return {"job": self.id, "frame": self.frame, "done": self.done, "total": self.total, "rate": round(rate, 3)}

    def keeping_due(self) -> bool:
        """Whether masks are to be stored and sent."""
        return time.monotonic() >= self._keeping_due

    def keeping_took(self, seconds: float) -> None:
        """What is stored and sent in one go costs little more than a single frame: that, too, gets a small share of
        the time. Slow models' frames go one by one."""
        self._keeping_due = time.monotonic() + _KEEPING_SHARE * seconds

    def lanes_due(self) -> bool:
        """Whether the page should have new lanes: a few times a second."""
        return time.monotonic() >= self._lanes_due

    def lanes_took(self, seconds: float) -> None:
        """Lanes of long videos take a while: they get a small share of the time."""
        self._lanes_due = time.monotonic() + max(_LANES_EVERY, _LANES_SHARE * seconds)
