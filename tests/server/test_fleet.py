"""Workers that die, hang, and come back."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from masklet.server.fleet import Care, Fleet

QUICK = Care(every=0.2, patience=1.0, failures=2, start=60, pause=0.05, longest_pause=0.1)


def well(path: str) -> None:
    """A worker that says that it is well, until a file tells it to be silent."""
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        bound.listen()
        while True:
            connection, _ = bound.accept()
            with connection:
                asked = connection.recv(4096)
                if Path(f"{path}.silent").exists():
                    time.sleep(60)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" if b"Host: here" in asked else b"HTTP/1.1 403 No\r\n\r\n")


def stubborn(path: str) -> None:
    """A worker that says that it is well, and does not end when it is asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    well(path)


@contextmanager
def running_fleet(count: int, host: str = "here") -> Iterator[tuple[Fleet, dict[int, list[SpawnProcess]], Path]]:
    """A fleet in a thread, and the processes that it has launched."""
    launched: dict[int, list[SpawnProcess]] = {number: [] for number in range(count)}
    with tempfile.TemporaryDirectory(prefix="masklet-") as name:
        folder = Path(name)

        def launch(number: int, path: Path) -> SpawnProcess:
            process = multiprocessing.get_context("spawn").Process(target=well, args=(str(path),))
            process.start()
            launched[number].append(process)
            return process

        fleet = Fleet(launch, [folder / f"{number}.sock" for number in range(count)], host, QUICK)
        loop = asyncio.new_event_loop()
        task = loop.create_task(fleet.run())

        def run() -> None:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(fleet.ready(), loop).result(60) if host == "here" else None
            yield fleet, launched, folder
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join(60)
            assert not thread.is_alive()
            assert not any(process.is_alive() for processes in launched.values() for process in processes)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        return connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_worker_that_dies_is_started_again_and_the_others_go_on() -> None:
    with running_fleet(2) as (_, launched, folder):
        for times in (1, 2):
            pid = launched[1][-1].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda times=times: len(launched[1]) == times + 1)
            wait_until(lambda: answers(folder / "1.sock"))
        assert len(launched[0]) == 1
        assert launched[0][0].is_alive()


def test_a_worker_that_hangs_is_ended_and_started_again() -> None:
    with running_fleet(1) as (_, launched, folder):
        silent = folder / "0.sock.silent"
        silent.touch()
        wait_until(lambda: not launched[0][0].is_alive())
        silent.unlink()
        wait_until(lambda: len(launched[0]) == 2)
        wait_until(lambda: answers(folder / "0.sock"))


def test_a_worker_that_refuses_is_not_ready() -> None:
    with running_fleet(1, host="elsewhere") as (fleet, launched, folder):
        wait_until(lambda: bool(launched[0]) and answers(folder / "0.sock"))
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(fleet.ready(), 0.5))


def sleeper() -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    process.start()
    return process


def test_a_worker_that_is_being_launched_at_the_end_is_ended(tmp_path: Path) -> None:
    launching, go_on = threading.Event(), threading.Event()
    launched: list[SpawnProcess] = []

    def launch(_number: int, _path: Path) -> SpawnProcess:
        launching.set()
        assert go_on.wait(60)
        launched.append(sleeper())
        return launched[0]

    async def end_early() -> None:
        task = asyncio.create_task(Fleet(launch, [tmp_path / "0.sock"], "here", QUICK).run())
        await asyncio.to_thread(launching.wait, 60)
        task.cancel()
        # The cancellation arrives while the launch is under way.
        await asyncio.sleep(0.05)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(end_early())
    assert len(launched) == 1
    assert launched[0].exitcode == -signal.SIGTERM


def test_the_others_end_where_one_cannot_be_launched(tmp_path: Path) -> None:
    launched: list[SpawnProcess] = []

    def launch(number: int, _path: Path) -> SpawnProcess:
        if number == 1:
            wait_until(lambda: bool(launched))
            raise OSError("no more processes")
        launched.append(sleeper())
        return launched[0]

    async def run() -> None:
        fleet = Fleet(launch, [tmp_path / "0.sock", tmp_path / "1.sock"], "here", QUICK)
        with pytest.raises(OSError, match="no more processes"):
            await fleet.run()
        # Nothing is started again behind its back.
        await asyncio.sleep(0.3)

    asyncio.run(run())
    assert [process.exitcode for process in launched] == [-signal.SIGTERM]


def test_a_worker_that_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    launched: list[SpawnProcess] = []

    def launch(_number: int, path: Path) -> SpawnProcess:
        process = multiprocessing.get_context("spawn").Process(target=stubborn, args=(str(path),))
        process.start()
        launched.append(process)
        return process

    async def run() -> None:
        fleet = Fleet(launch, [tmp_path / "0.sock"], "here", replace(QUICK, farewell=0.2))
        task = asyncio.create_task(fleet.run())
        await asyncio.wait_for(fleet.ready(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert launched[0].exitcode == -signal.SIGKILL
