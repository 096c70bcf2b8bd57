"""The workers behind a front: processes that are started, looked after, and started again when they die."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess
from pathlib import Path

logger = logging.getLogger("masklet.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How workers are looked after, in seconds: `every` so often they are asked whether they are well, and have to
    say so within `patience`; after `failures` times without an answer, or `start` after they were started, they are
    killed. One that died is started again after `pause`, which doubles up to `longest_pause` while it dies at once.
    Told to end, they have `farewell` to do so."""

    every: float = 5.0
    patience: float = 10.0
    failures: int = 3
    start: float = 120.0
    pause: float = 0.5
    longest_pause: float = 30.0
    farewell: float = 15.0


@dataclass(slots=True)
class _Worker:
    number: int
    socket: Path
    process: SpawnProcess | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Fleet:
    """Keeps one process running for every socket.

    Parameters
    ----------
    launch
        Starts worker n, which is to listen on a Unix socket.
    sockets
        Where they listen, by number.
    host
        The name under which they answer.
    care
        How they are looked after.
    """

    def __init__(
        self, launch: Callable[[int, Path], SpawnProcess], sockets: list[Path], host: str, care: Care | None = None
    ) -> None:
        self._launch = launch
        self._workers = [_Worker(number, path) for number, path in enumerate(sockets)]
        self._host = host
        self._care = care or Care()

    async def ready(self) -> None:
        """Returns when every worker has answered once."""
        await asyncio.gather(*(worker.ready.wait() for worker in self._workers))

    async def run(self) -> None:
        """Looks after the workers until it is cancelled, and ends them then."""
        carers = [asyncio.create_task(self._look_after(worker)) for worker in self._workers]
        try:
            await asyncio.gather(*carers)
        finally:
            for carer in carers:
                carer.cancel()
            await asyncio.gather(*carers, return_exceptions=True)
            await self._end()

    async def _look_after(self, worker: _Worker) -> None:
        pause = self._care.pause
        while True:
            worker.socket.unlink(missing_ok=True)
            process = await self._start(worker)
            began = time.monotonic()
            await self._watch(worker, process)
            lived = time.monotonic() - began
            pause = self._care.pause if lived > self._care.longest_pause else min(2 * pause, self._care.longest_pause)
            extra = {"worker": worker.number, "code": process.exitcode, "seconds": round(lived, 1)}
            logger.error("a worker ended, and is started again", extra=extra)
            await asyncio.sleep(pause)

    async def _start(self, worker: _Worker) -> SpawnProcess:
        launching = asyncio.create_task(asyncio.to_thread(self._launch, worker.number, worker.socket))
        try:
            worker.process = process = await asyncio.shield(launching)
        except asyncio.CancelledError:
            # A launch can't be taken back: what it starts has to be ended with the others.
            worker.process = await launching
            raise
        return process

    async def _watch(self, worker: _Worker, process: SpawnProcess) -> None:
        """Returns when the process has ended, by itself or because it did not answer."""
        silent, began, started = 0, time.monotonic(), False
        while True:
            if await self._is_well(worker.socket):
                silent, started = 0, True
                worker.ready.set()
            elif started:
                silent += 1
            if silent >= self._care.failures or (not started and time.monotonic() - began > self._care.start):
                logger.error("a worker does not answer, and is ended", extra={"worker": worker.number})
                process.kill()
            # Ends are noticed at once, silence with the next question.
            if await _has_ended(process, self._care.every if started else 0.2):
                return

    async def _is_well(self, socket: Path) -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._care.patience):
                reader, writer = await asyncio.open_unix_connection(str(socket))
                try:
                    question = f"GET /healthz HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n\r\n"
                    writer.write(question.encode("ascii"))
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        return False

    async def _end(self) -> None:
        processes = [worker.process for worker in self._workers if worker.process is not None]
        for process in processes:
            process.terminate()
        await asyncio.gather(*(self._see_off(process) for process in processes))

    async def _see_off(self, process: SpawnProcess) -> None:
        if not await _has_ended(process, self._care.farewell):
            process.kill()
            await _has_ended(process, None)


async def _has_ended(process: SpawnProcess, patience: float | None) -> bool:
    """Whether a process ends within so many seconds; it is collected then.

    Its sentinel is watched, and no thread joins it: where two wait for one process, the second is told that it lives.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        async with asyncio.timeout(patience):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    return True
