"""Token buckets: so much at once, so much a second, for each of many."""

from __future__ import annotations

import ipaddress
import sqlite3
import time
from collections.abc import Callable

from masklet.server.tally import Tally

_MOST_KEYS = 2**16
_SWEEP_EVERY = 1000


class Rates:
    """A bucket for every key, full at first; all workers take from the same.

    Parameters
    ----------
    tally
        Where the buckets are.
    name
        What is counted: others with this name take from the same buckets.
    per_second
        What comes back into a bucket in a second.
    burst
        What a full bucket holds.
    clock
        Seconds that only go forward, the same ones in all workers.
    """

    def __init__(
        self, tally: Tally, name: str, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tally = tally
        self._name = name
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._until_sweep = 0
        with tally.turn() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS buckets (name, key, level, since, PRIMARY KEY (name, key)) WITHOUT ROWID"
            )

    def take(self, key: int | str) -> float:
        """Takes one, and returns 0; or takes nothing, and returns the seconds after which there is one."""
        with self._tally.turn() as database:
            level = self._level(database, key)
            if level < 1:
                return (1 - level) / self._per_second
            self._keep(database, key, level - 1)
        return 0.0

    def give_back(self, key: int | str) -> None:
        """Undoes a `take`."""
        with self._tally.turn() as database:
            self._keep(database, key, min(self._burst, self._level(database, key) + 1))

    def _level(self, database: sqlite3.Connection, key: int | str) -> float:
        found = database.execute("SELECT level, since FROM buckets WHERE name = ? AND key = ?", (self._name, key))
        level, since = found.fetchone() or (self._burst, self._clock())
        return min(self._burst, level + (self._clock() - since) * self._per_second)

    def _keep(self, database: sqlite3.Connection, key: int | str, level: float) -> None:
        bucket = (self._name, key, level, self._clock())
        database.execute("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)", bucket)
        self._until_sweep -= 1
        if self._until_sweep < 0:
            self._until_sweep = _SWEEP_EVERY
            self._sweep(database)

    def _sweep(self, database: sqlite3.Connection) -> None:
        """Drops what is full again, and of what is left the oldest, where it is too much."""
        full = "name = ? AND level + (? - since) * ? >= ?"
        database.execute(
            f"DELETE FROM buckets WHERE {full}", (self._name, self._clock(), self._per_second, self._burst)
        )
        database.execute(
            "DELETE FROM buckets WHERE name = ?1 AND since < (SELECT since FROM buckets WHERE name = ?1"
            " ORDER BY since DESC LIMIT 1 OFFSET ?2)",
            (self._name, _MOST_KEYS),
        )


def neighbourhood(address: str) -> str:
    """What counts as one address: of IPv6 the network, of which everybody has a whole one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket has none
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
