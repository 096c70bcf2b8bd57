"""How many pages and media each user has open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from masklet.server.settings import Limits
from masklet.server.visitors import visitor


class Crowded(ValueError):
    """As many media or pages are open as may be."""


class Seats:
    """The open pages of every user. For the thread of the event loop. Whoever sits at this machine has no limit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: dict[int, Counter[str]] = {}

    @contextmanager
    def take(self, media_id: str) -> Iterator[None]:
        """The visitor has a page of a media open within the block.

        Raises
        ------
        Crowded
            They have too many pages open, or pages of too many media.
        """
        user = visitor().user
        if user is None:
            yield
            return
        taken = self._taken.setdefault(user, Counter())
        if taken.total() >= self._limits.user_pages:
            raise Crowded(f"you have {self._limits.user_pages} pages open: close one of them first")
        if media_id not in taken and len(taken) >= self._limits.user_media:
            raise Crowded(f"you have {self._limits.user_media} media open: close one of them first")
        taken[media_id] += 1
        try:
            yield
        finally:
            taken[media_id] -= 1
            if not taken[media_id]:
                del taken[media_id]
            if not taken:
                self._taken.pop(user, None)
