"""What all workers of a server count together: a small database in a file, or in memory where there is one worker."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Tally:
    """Where `Rates` and `Seats` count. For the thread of the event loop.

    Nothing in it outlives the server; what a worker had open is forgotten when it starts anew.

    Parameters
    ----------
    path
        A file that all workers open; None: for this process alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        # Made by one thread and used by the event loop's; of several workers, one counts at a time.
        self._database = sqlite3.connect(":memory:" if path is None else path, check_same_thread=False, timeout=30)
        self._database.isolation_level = None
        # A killed worker leaves the file whole; a machine that goes down has no use for it any more.
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")

    @contextmanager
    def turn(self) -> Iterator[sqlite3.Connection]:
        """Nobody else counts within the block; an error in it takes back what it has done."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()
