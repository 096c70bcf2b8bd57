"""`masklet serve --workers N`: a front in this process, and workers in processes of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from urllib.parse import urlsplit

from masklet.cli.server_parts import ModelChoice, open_store, sessions_of
from masklet.server.app import create_app
from masklet.server.fleet import Fleet
from masklet.server.front import Front, Proxies
from masklet.server.logs import logging_to_stderr
from masklet.server.part import Part
from masklet.server.running import make_server
from masklet.server.settings import Settings
from masklet.server.tally import Tally

_TALLY = "tally.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOrder:
    """What all workers of a server have in common, and how many there are."""

    settings: Settings
    database: str | None
    model: ModelChoice
    count: int


def run_workers(bound: socket.socket, order: WorkerOrder, proxies: Proxies) -> None:
    """Serves on a bound socket until SIGINT or SIGTERM. Raises ValueError where there are no Unix sockets."""
    if not hasattr(socket, "AF_UNIX"):
        raise ValueError("several workers need Unix sockets, which this system does not have")
    # Of a server that had more workers.
    shutil.rmtree(order.settings.data / "exports", ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="masklet-") as folder:
        sockets = [Path(folder, f"{number}.sock") for number in range(order.count)]
        # Made before several open it at once.
        Tally(Path(folder, _TALLY)).close()
        host = urlsplit(order.settings.origins[0]).netloc
        fleet = Fleet(lambda number, path: _launch(order, number, path), sockets, host)
        asyncio.run(_serve(bound, Front(sockets, proxies), fleet))


def work(order: WorkerOrder, number: int, path: Path) -> None:
    """A worker's whole life: it ends by a signal, or with the process that started it."""
    import torch

    _end_with_parent()
    part = Part(number, order.count, path.with_name(_TALLY))
    settings = replace(order.settings, part=part, limits=order.settings.limits.shared_out(order.count))
    torch.set_num_threads(max(1, torch.get_num_threads() // order.count))
    with logging_to_stderr():
        _, load_sessions = sessions_of(order.model)
        app = create_app(settings, open_store(settings.data, order.database), load_sessions)
        make_server(app, settings.limits, ["*"], path).run()


def _launch(order: WorkerOrder, number: int, path: Path) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=work, args=(order, number, path), name=f"masklet-worker-{number}"
    )
    process.start()
    return process


async def _serve(bound: socket.socket, front: Front, fleet: Fleet) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    caring = asyncio.create_task(fleet.run())
    stopping = asyncio.create_task(stopped.wait())
    ready = asyncio.create_task(fleet.ready())
    try:
        # Until then browsers wait.
        await asyncio.wait((caring, stopping, ready), return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            server = await asyncio.start_server(front.serve, sock=bound)
            await asyncio.wait((caring, stopping), return_when=asyncio.FIRST_COMPLETED)
            server.close()
        if caring.done():
            caring.result()
    finally:
        for task in (ready, stopping, caring):
            task.cancel()
        await asyncio.gather(ready, stopping, caring, return_exceptions=True)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="masklet-parent", daemon=True).start()
