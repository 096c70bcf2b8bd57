from __future__ import annotations

import threading

import pytest

from masklet.media.behind import Behind


def test_consumes_in_order_in_another_thread():
    seen: list[tuple[int, bool]] = []

    def consume(item: int) -> None:
        seen.append((item, threading.current_thread() is threading.main_thread()))

    with Behind(consume) as behind:
        for number in range(20):
            behind.put(number)
    assert seen == [(number, False) for number in range(20)]


def test_falls_no_further_behind_than_its_depth():
    go = threading.Event()
    behind = Behind(lambda _: go.wait(10), depth=2)
    for number in range(3):  # one being consumed, two waiting
        behind.put(number)
    blocked = threading.Thread(target=behind.put, args=(3,))
    blocked.start()
    blocked.join(0.1)
    assert blocked.is_alive()
    go.set()
    blocked.join(10)
    assert not blocked.is_alive()
    behind.close()


def test_an_error_is_raised_once_and_drops_the_rest():
    seen: list[int] = []

    def consume(item: int) -> None:
        if item == 2:
            raise OSError("disk full")
        seen.append(item)

    def hand_over() -> None:
        for number in range(100):
            behind.put(number)

    behind = Behind(consume)
    with pytest.raises(OSError, match="disk full"):
        hand_over()
    behind.close()
    assert seen == [0, 1]
    assert not behind._thread.is_alive()


def test_an_error_of_the_last_item_is_raised_by_close():
    def consume(_: int) -> None:
        raise OSError("disk full")

    behind = Behind(consume)
    behind.put(1)
    with pytest.raises(OSError, match="disk full"):
        behind.close()
    behind.close()


def test_nothing_can_be_put_after_closing():
    behind = Behind(print)
    behind.close()
    with pytest.raises(ValueError, match="closed"):
        behind.put(1)


def test_depth_must_be_positive():
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        Behind(print, depth=0)
