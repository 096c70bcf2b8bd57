from __future__ import annotations

import asyncio

import pytest

from masklet.server import outbox as module
from masklet.server.outbox import MOST_WAITING, WINDOW, Outbox, TooSlow


def test_messages_come_in_order_and_newer_masks_take_the_place_of_older_ones() -> None:
    async def check() -> None:
        outbox = Outbox(asyncio.get_running_loop())
        outbox.put(b"old", ((1, 0), 1))
        outbox.put("text")
        outbox.put(b"other", ((1, 1), 2))
        outbox.put(b"new", ((1, 0), 3))
        outbox.post("posted")
        assert [await outbox.next() for _ in range(4)] == ["text", b"other", b"new", "posted"]

    asyncio.run(check())


def test_masks_stop_at_the_window_until_they_are_acknowledged() -> None:
    async def check() -> None:
        outbox = Outbox(asyncio.get_running_loop())
        for i in range(WINDOW + 2):
            outbox.put(b"%d" % i, ((1, i), i + 1))
        for _ in range(WINDOW):
            await outbox.next()
        waiting = asyncio.create_task(outbox.next())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        outbox.acknowledge(1)
        assert await waiting == b"%d" % WINDOW
        outbox.acknowledge(WINDOW + 1)
        assert await outbox.next() == b"%d" % (WINDOW + 1)

    asyncio.run(check())


def test_there_is_room_when_little_waits() -> None:
    async def check() -> None:
        outbox = Outbox(asyncio.get_running_loop())
        await outbox.room()
        for i in range(WINDOW + 1):
            outbox.put(str(i))
        waiting = asyncio.create_task(outbox.room())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await outbox.next()
        await waiting

    asyncio.run(check())


@pytest.mark.parametrize("how", ["too much", "dismissed"])
def test_a_page_that_is_too_far_behind_is_sent_away(how: str) -> None:
    async def check() -> None:
        outbox = Outbox(asyncio.get_running_loop())
        if how == "too much":
            for i in range(MOST_WAITING + 1):
                outbox.put(str(i))
        else:
            outbox.dismiss()
            await asyncio.sleep(0)
        with pytest.raises(TooSlow):
            await outbox.next()
        for i in range(WINDOW + 1):
            outbox.put(str(i))
        await outbox.room()  # nothing is kept for it any more

    asyncio.run(check())
    assert module.WINDOW == 64  # the protocol's number


def test_a_slow_page_gets_the_newest_of_each_mask_and_what_waits_for_it_is_bounded() -> None:
    async def check() -> None:
        outbox = Outbox(asyncio.get_running_loop())
        for sequence in range(1, 20 * MOST_WAITING):
            frame = sequence % (2 * WINDOW)
            outbox.put(b"%d" % sequence, ((1, frame), sequence))
        came = [await outbox.next() for _ in range(WINDOW)]
        outbox.acknowledge(20 * MOST_WAITING)
        came += [await outbox.next() for _ in range(WINDOW)]
        last = 20 * MOST_WAITING - 1
        assert sorted(int(data) for data in came) == list(range(last - 2 * WINDOW + 1, last + 1))

    asyncio.run(check())
