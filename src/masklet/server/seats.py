"""How many pages and media each user has open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from masklet.server.settings import Limits
from masklet.server.tally import Tally
from masklet.server.visitors import visitor


class Crowded(ValueError):
    """As many media or pages are open as may be."""


class Seats:
    """The open pages of every user, in all workers. Whoever sits at this machine has no limit.

    Parameters
    ----------
    tally
        Where they are counted.
    worker
        The number of this worker; what an earlier one of this number had open is open no more.
    limits
        How many there may be.
    """

    def __init__(self, tally: Tally, worker: int, limits: Limits) -> None:
        self._tally = tally
        self._worker = worker
        self._limits = limits
        with tally.turn() as database:
            database.execute("CREATE TABLE IF NOT EXISTS seats (id INTEGER PRIMARY KEY, worker, user, media)")
            database.execute("DELETE FROM seats WHERE worker = ?", (worker,))

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
        seat = self._sit(user, media_id)
        try:
            yield
        finally:
            with self._tally.turn() as database:
                database.execute("DELETE FROM seats WHERE id = ?", (seat,))

    def _sit(self, user: int, media_id: str) -> int | None:
        with self._tally.turn() as database:
            taken = [media for (media,) in database.execute("SELECT media FROM seats WHERE user = ?", (user,))]
            if len(taken) >= self._limits.user_pages:
                raise Crowded(f"you have {self._limits.user_pages} pages open: close one of them first")
            if media_id not in taken and len(set(taken)) >= self._limits.user_media:
                raise Crowded(f"you have {self._limits.user_media} media open: close one of them first")
            seat = (self._worker, user, media_id)
            return database.execute("INSERT INTO seats (worker, user, media) VALUES (?, ?, ?)", seat).lastrowid
