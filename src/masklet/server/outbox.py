"""What is on its way to one page: in order, in bounds, and no faster than the page takes it."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict, deque
from collections.abc import Hashable

WINDOW = 64
"""Stored masks that may be on their way without an acknowledgement."""
MOST_WAITING = 4096
"""Messages that may wait; a page that is further behind is sent away, and catches up when it comes back."""


class TooSlow(Exception):
    """The page takes its messages too slowly, or has to start over; it is to connect again."""


class Outbox:
    """The messages to one page. All methods but `post` and `dismiss` are for the thread of the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._numbers = itertools.count()
        self._waiting: OrderedDict[Hashable, tuple[str | bytes, int | None]] = OrderedDict()
        self._unacknowledged: deque[int] = deque()
        self._changed = asyncio.Event()
        self._dismissed = False

    def post(self, message: str | bytes, *, mask: tuple[tuple[int, int], int] | None = None) -> None:
        """Sends a message, from any thread.

        Parameters
        ----------
        mask
            Of a stored mask: its object and frame, and its sequence. It takes the place of an older mask of the same
            object and frame that still waits.
        """
        self._loop.call_soon_threadsafe(self.put, message, mask)

    def dismiss(self) -> None:
        """Ends the connection, from any thread; the page is to come back and begin anew."""
        self._loop.call_soon_threadsafe(self._dismiss)

    def put(self, message: str | bytes, mask: tuple[tuple[int, int], int] | None = None) -> None:
        """`post`, on the thread of the event loop."""
        if self._dismissed:
            return
        if mask is None:
            self._waiting[next(self._numbers)] = message, None
        else:
            key, sequence = mask
            self._waiting.pop(("mask", key), None)
            self._waiting["mask", key] = message, sequence
        if len(self._waiting) > MOST_WAITING:
            self._dismiss()
        self._changed.set()

    def acknowledge(self, sequence: int) -> None:
        """The page has all masks up to `sequence`."""
        while self._unacknowledged and self._unacknowledged[0] <= sequence:
            self._unacknowledged.popleft()
        self._changed.set()

    async def next(self) -> str | bytes:
        """The next message, once the page may have it. Raises TooSlow where the connection is to end."""
        while True:
            if self._dismissed:
                raise TooSlow
            if self._waiting:
                key, (message, sequence) = next(iter(self._waiting.items()))
                if sequence is None or len(self._unacknowledged) < WINDOW:
                    del self._waiting[key]
                    if sequence is not None:
                        self._unacknowledged.append(sequence)
                    self._changed.set()
                    return message
            await self._change()

    async def room(self) -> None:
        """Returns when hardly anything waits, for those who have much to send."""
        while len(self._waiting) > WINDOW and not self._dismissed:
            await self._change()

    async def _change(self) -> None:
        # Both `next` and `room` may wait: each clears the event only to wait for the change after this one.
        self._changed.clear()
        await self._changed.wait()

    def _dismiss(self) -> None:
        self._dismissed = True
        self._waiting.clear()
        self._changed.set()
