"""Counting together: several workers, one that dies, one that fails in the middle."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from masklet.server.rates import Rates
from masklet.server.seats import Crowded, Seats
from masklet.server.settings import Limits
from masklet.server.tally import Tally
from masklet.server.visitors import Visitor, acting_for

ADA, BOB = Visitor("ada", 1), Visitor("bob", 2)
FEW = Limits(user_pages=3, user_media=2)


@pytest.fixture
def tallies(tmp_path: Path) -> Any:
    """Two that count in one file."""
    made = [Tally(tmp_path / "tally.db") for _ in range(2)]
    yield made
    for tally in made:
        tally.close()


def test_workers_take_from_the_same_buckets(tallies: list[Tally]) -> None:
    now = [0.0]
    one, two = (Rates(tally, "requests", 1, 3, lambda: now[0]) for tally in tallies)
    other = Rates(tallies[0], "logins", 1, 1, lambda: now[0])
    assert [one.take("a"), two.take("a"), one.take("a"), two.take("a")] == [0, 0, 0, 1]
    assert other.take("a") == 0, "what has another name is counted apart"
    one.give_back("a")
    assert [two.take("a"), one.take("a")] == [0, 1]
    assert two.take(1) == 0
    assert two.take("1") == 0, "a user and an address are two"


def test_pages_count_in_all_workers(tallies: list[Tally]) -> None:
    one, two = (Seats(tally, number, FEW) for number, tally in enumerate(tallies))
    with ExitStack() as open_pages, acting_for(ADA):
        open_pages.enter_context(one.take("x"))
        open_pages.enter_context(two.take("y"))
        with pytest.raises(Crowded, match="2 media open"), one.take("z"):
            pass
        with two.take("x"), pytest.raises(Crowded, match="3 pages open"), one.take("x"):
            pass
        with acting_for(BOB), one.take("z"):
            pass
        with one.take("x"):
            pass
    with acting_for(ADA), one.take("z"), two.take("w"):
        pass


def test_what_a_dead_worker_had_open_is_open_no_more(tallies: list[Tally]) -> None:
    one, two = (Seats(tally, number, FEW) for number, tally in enumerate(tallies))
    with acting_for(ADA), ExitStack() as pages:
        pages.enter_context(one.take("x"))
        pages.enter_context(two.take("y"))
        again = Seats(tallies[1], 1, FEW)
        with again.take("z"), pytest.raises(Crowded), one.take("w"):
            pass


def count_until_killed(path: str, said: Connection) -> None:
    """Counts without end, and is in the middle of it half of the time."""
    tally = Tally(Path(path))
    rates = Rates(tally, "requests", 1e-9, 1e9, lambda: 0.0)
    rates.take("a")
    said.send(None)
    while True:
        with tally.turn() as database:
            database.execute("UPDATE buckets SET level = level - 1")
            time.sleep(0.002)
        time.sleep(0.002)


def test_a_worker_killed_while_it_counts_leaves_the_others_counting(tmp_path: Path) -> None:
    path = tmp_path / "tally.db"
    for _ in range(4):
        mine, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=count_until_killed, args=(str(path), theirs))
        process.start()
        assert mine.poll(60)
        tally = Tally(path)
        rates = Rates(tally, "requests", 1e-9, 1e9, lambda: 0.0)
        for _ in range(20):
            rates.take("a")
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        before = level(tally)
        assert rates.take("a") == 0
        assert level(tally) == before - 1
        tally.close()


def level(tally: Tally) -> float:
    with tally.turn() as database:
        return database.execute("SELECT level FROM buckets WHERE key = 'a'").fetchone()[0]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_takes_back_what_was_counted(error: type[BaseException]) -> None:
    tally = Tally()
    rates = Rates(tally, "requests", 1, 5, lambda: 0.0)
    rates.take("a")
    with contextlib.suppress(BaseException), tally.turn() as database:
        database.execute("DELETE FROM buckets")
        raise error
    assert level(tally) == 4


def test_what_several_workers_hold_is_shared_out() -> None:
    shared = Limits(feature_bytes=1000, live_media=9, user_pages=7).shared_out(4)
    assert (shared.feature_bytes, shared.live_media, shared.user_pages) == (250, 3, 7)
    assert Limits(live_media=1).shared_out(4).live_media == 1
