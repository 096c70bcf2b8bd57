"""Token buckets: so much at once, so much a second, for each of many."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

_MOST_KEYS = 2**16


class Rates:
    """A bucket for every key, full at first. For one thread.

    Parameters
    ----------
    per_second
        What comes back into a bucket in a second.
    burst
        What a full bucket holds.
    clock
        Seconds that only go forward.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Takes one, and returns 0; or takes nothing, and returns the seconds after which there is one."""
        level = self._level(key)
        if level < 1:
            return (1 - level) / self._per_second
        self._keep(key, level - 1)
        return 0.0

    def give_back(self, key: Hashable) -> None:
        """Undoes a `take`."""
        self._keep(key, min(self._burst, self._level(key) + 1))

    def _level(self, key: Hashable) -> float:
        level, since = self._buckets.get(key, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - since) * self._per_second)

    def _keep(self, key: Hashable, level: float) -> None:
        self._buckets[key] = level, self._clock()
        self._buckets.move_to_end(key)
        while len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)


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
